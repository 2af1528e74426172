pub trait Defaults: ::birpc::__private::Send + ::birpc::__private::Sync + 'static {
    #[allow(unused_assignments)]
    fn twice(
        &self,
        cx: &Context,
        mut n: u64,
    ) -> impl ::birpc::__private::Future<
        Output = Answer<u64>,
    > + ::birpc::__private::Send {
        async move {
            if let ::birpc::__private::Some(output) = ::birpc::__private::None::<
                Answer<u64>,
            > {
                return output;
            }
            n += self.once(cx, n).await?;
            Ok(n)
        }
    }
    fn once(
        &self,
        cx: &Context,
        n: u64,
    ) -> impl ::birpc::__private::Future<
        Output = Answer<u64>,
    > + ::birpc::__private::Send;
    fn told(
        &self,
        _line: String,
    ) -> impl ::birpc::__private::Future<Output = ()> + ::birpc::__private::Send {
        async move {}
    }
}
/// Serves a [`Defaults`]: give it to a `Router`.
pub struct DefaultsServer<T>(::birpc::__private::Arc<T>);
impl<T: Defaults> DefaultsServer<T> {
    /// Serves `service`.
    pub fn new(service: T) -> Self {
        Self(::birpc::__private::Arc::new(service))
    }
    /// Serves a `service` that is shared with others.
    pub fn from_arc(service: ::birpc::__private::Arc<T>) -> Self {
        Self(service)
    }
}
#[automatically_derived]
impl<T: Defaults> ::birpc::__private::Service for DefaultsServer<T> {
    fn register(self, router: &mut ::birpc::__private::Router) {
        let mut routes = ::birpc::__private::Routes::new(router, self.0);
        routes
            .request::<
                (u64,),
                _,
                _,
            >(
                &["twice"],
                &["n"],
                |this, cx, (n,)| async move { Defaults::twice(&*this, &cx, n).await },
            );
        routes
            .request::<
                (u64,),
                _,
                _,
            >(
                &["once"],
                &["n"],
                |this, cx, (n,)| async move { Defaults::once(&*this, &cx, n).await },
            );
        routes
            .notification::<
                (String,),
                _,
                _,
            >(
                &["told"],
                &["_line"],
                |this, _, (_line,)| async move { Defaults::told(&*this, _line).await },
            );
    }
}
/// Calls a [`Defaults`] at the other end of a connection.
#[derive(::birpc::__private::Clone, ::birpc::__private::fmt::Debug)]
pub struct DefaultsClient(::birpc::__private::Peer);
impl DefaultsClient {
    /// Calls `twice`.
    #[allow(unused_assignments)]
    pub fn twice(&self, n: u64) -> ::birpc::__private::Call<Answer<u64>> {
        ::birpc::__private::Peer::invoke(&self.0, "twice", (n,))
    }
    /// Calls `once`.
    pub fn once(&self, n: u64) -> ::birpc::__private::Call<Answer<u64>> {
        ::birpc::__private::Peer::invoke(&self.0, "once", (n,))
    }
    /// Calls `told`.
    pub fn told(&self, _line: String) -> ::birpc::__private::Notify {
        ::birpc::__private::Peer::notify(&self.0, "told", (_line,))
    }
    /// Gathers calls, which go out in one JSON-RPC batch when it is sent.
    pub fn batch(&self) -> ::birpc::__private::Batch<DefaultsBatch> {
        ::birpc::__private::Batch::new(&self.0)
    }
    /// Bounds each call of this stub: one that takes longer than `timeout` is cancelled.
    pub fn with_timeout(self, timeout: ::birpc::__private::Duration) -> Self {
        Self(self.0.with_timeout(timeout))
    }
    /// The peer that this stub calls.
    pub fn peer(&self) -> &::birpc::__private::Peer {
        &self.0
    }
}
#[automatically_derived]
impl ::birpc::__private::From<::birpc::__private::Peer> for DefaultsClient {
    fn from(peer: ::birpc::__private::Peer) -> Self {
        Self(peer)
    }
}
/// Gathers calls of a [`Defaults`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
pub struct DefaultsBatch(DefaultsClient, ::birpc::__private::BatchCalls);
impl DefaultsBatch {
    /// Calls `twice`.
    #[allow(unused_assignments)]
    #[inline]
    pub fn twice(&mut self, n: u64) -> ::birpc::__private::BatchCall<Answer<u64>> {
        self.1.request(self.0.twice(n))
    }
    /// Calls `once`.
    #[inline]
    pub fn once(&mut self, n: u64) -> ::birpc::__private::BatchCall<Answer<u64>> {
        self.1.request(self.0.once(n))
    }
    /// Calls `told`.
    #[inline]
    pub fn told(&mut self, _line: String) {
        self.1.notification(self.0.told(_line))
    }
}
#[automatically_derived]
impl ::birpc::__private::From<::birpc::__private::BatchCalls> for DefaultsBatch {
    fn from(calls: ::birpc::__private::BatchCalls) -> Self {
        Self(calls.stub(), calls)
    }
}
