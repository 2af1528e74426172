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
            if let ::birpc::__private::Some(output_) = ::birpc::__private::None::<
                Answer<u64>,
            > {
                return output_;
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
    /// Serves an implementation.
    pub fn new(service_: T) -> Self {
        Self(::birpc::__private::Arc::new(service_))
    }
    /// Serves an implementation that is shared with others.
    pub fn from_arc(service_: ::birpc::__private::Arc<T>) -> Self {
        Self(service_)
    }
}
#[automatically_derived]
impl<T: Defaults> ::birpc::__private::Service for DefaultsServer<T> {
    fn register(self, router_: &mut ::birpc::__private::Router) {
        let mut routes_ = ::birpc::__private::Routes::new(router_, self.0);
        (&mut routes_)
            .request::<
                (::birpc::__private::Param<u64>,),
                ::birpc::__private::Reply<Answer<u64>>,
                _,
            >(
                &["twice"],
                &["n"],
                |me_, cx_, (n,)| async move { Defaults::twice(&*me_, &cx_, n).await },
            );
        (&mut routes_)
            .request::<
                (::birpc::__private::Param<u64>,),
                ::birpc::__private::Reply<Answer<u64>>,
                _,
            >(
                &["once"],
                &["n"],
                |me_, cx_, (n,)| async move { Defaults::once(&*me_, &cx_, n).await },
            );
        (&mut routes_)
            .notification::<
                (::birpc::__private::NotificationParam<String>,),
                _,
            >(
                &["told"],
                &["_line"],
                |me_, _, (_line,)| async move { Defaults::told(&*me_, _line).await },
            );
    }
}
impl<T> ::birpc::__private::fmt::Debug for DefaultsServer<T> {
    fn fmt(&self, f_: ::birpc::__private::Format<'_, '_>) -> ::birpc::__private::Fmt {
        f_.write_str("DefaultsServer")
    }
}
/// Calls a [`Defaults`] at the other end of a connection.
#[derive(::birpc::__private::Clone, ::birpc::__private::fmt::Debug)]
pub struct DefaultsClient(::birpc::__private::Peer);
impl DefaultsClient {
    /// Calls `twice`.
    #[allow(unused_assignments)]
    pub fn twice(&self, n: u64) -> ::birpc::__private::Call<Answer<u64>> {
        ::birpc::__private::request::<
            ::birpc::__private::Reply<Answer<u64>>,
            (::birpc::__private::Param<u64>,),
        >(&self.0, "twice", (n,))
    }
    /// Calls `once`.
    pub fn once(&self, n: u64) -> ::birpc::__private::Call<Answer<u64>> {
        ::birpc::__private::request::<
            ::birpc::__private::Reply<Answer<u64>>,
            (::birpc::__private::Param<u64>,),
        >(&self.0, "once", (n,))
    }
    /// Calls `told`.
    pub fn told(&self, _line: String) -> ::birpc::__private::Notify {
        ::birpc::__private::notification::<
            (::birpc::__private::NotificationParam<String>,),
        >(&self.0, "told", (_line,))
    }
    /// Creates a batch: its calls are sent together in one JSON-RPC message.
    pub fn batch(&self) -> ::birpc::__private::Batch<DefaultsBatch> {
        ::birpc::__private::batch(&self.0, DefaultsBatch)
    }
    /// Sets a timeout for each call of this stub. A call that takes longer is cancelled.
    #[must_use]
    pub fn with_timeout(self, timeout_: ::birpc::__private::Duration) -> Self {
        Self(self.0.with_timeout(timeout_))
    }
    /// The peer that this stub calls.
    #[must_use]
    pub fn peer(&self) -> &::birpc::__private::Peer {
        &self.0
    }
}
#[automatically_derived]
impl ::birpc::__private::From<::birpc::__private::Peer> for DefaultsClient {
    fn from(peer_: ::birpc::__private::Peer) -> Self {
        Self(peer_)
    }
}
/// Collects calls of a [`Defaults`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
pub struct DefaultsBatch(DefaultsClient, ::birpc::__private::BatchCalls);
impl DefaultsBatch {
    /// Calls `twice`.
    #[allow(unused_assignments)]
    #[inline]
    pub fn twice(&mut self, n: u64) -> ::birpc::__private::BatchCall<Answer<u64>> {
        ::birpc::__private::batch_call(&mut self.1, DefaultsClient::twice(&self.0, n))
    }
    /// Calls `once`.
    #[inline]
    pub fn once(&mut self, n: u64) -> ::birpc::__private::BatchCall<Answer<u64>> {
        ::birpc::__private::batch_call(&mut self.1, DefaultsClient::once(&self.0, n))
    }
    /// Calls `told`.
    #[inline]
    pub fn told(&mut self, _line: String) {
        ::birpc::__private::batch_notification(
            &mut self.1,
            DefaultsClient::told(&self.0, _line),
        )
    }
}
