pub(crate) trait Params: ::birpc::__private::Send + ::birpc::__private::Sync + 'static {
    fn none(
        &self,
    ) -> impl ::birpc::__private::Future<Output = Answer<()>> + ::birpc::__private::Send;
    fn named(
        &self,
        a: u8,
        b: Vec<u8>,
    ) -> impl ::birpc::__private::Future<Output = Answer<()>> + ::birpc::__private::Send;
    fn positional(
        &self,
        a: u8,
    ) -> impl ::birpc::__private::Future<Output = Answer<()>> + ::birpc::__private::Send;
    fn single(
        &self,
        cx: &Context,
        params: Open,
    ) -> impl ::birpc::__private::Future<Output = Answer<()>> + ::birpc::__private::Send;
    fn told(
        &self,
        params: Open,
    ) -> impl ::birpc::__private::Future<Output = ()> + ::birpc::__private::Send;
}
/// Serves a [`Params`]: give it to a `Router`.
pub(crate) struct ParamsServer<T>(::birpc::__private::Arc<T>);
impl<T: Params> ParamsServer<T> {
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
impl<T: Params> ::birpc::__private::Service for ParamsServer<T> {
    fn register(self, router: &mut ::birpc::__private::Router) {
        let mut routes = ::birpc::__private::Routes::new(router, self.0);
        routes
            .request::<
                (),
                _,
                _,
            >(&["none"], &[], |this, _, ()| async move { Params::none(&*this).await });
        routes
            .request::<
                (u8, Vec<u8>),
                _,
                _,
            >(
                &["named"],
                &["a", "B"],
                |this, _, (a, b)| async move { Params::named(&*this, a, b).await },
            );
        routes
            .request::<
                (u8,),
                _,
                _,
            >(
                &["positional"],
                &["a"],
                |this, _, (a,)| async move { Params::positional(&*this, a).await },
            );
        routes
            .request::<
                ::birpc::__private::Single<Open>,
                _,
                _,
            >(
                &["single"],
                &[],
                |this, cx, ::birpc::__private::Single(params)| async move {
                    Params::single(&*this, &cx, params).await
                },
            );
        routes
            .notification::<
                ::birpc::__private::Single<Open>,
                _,
                _,
            >(
                &["told"],
                &[],
                |this, _, ::birpc::__private::Single(params)| async move {
                    Params::told(&*this, params).await
                },
            );
    }
}
/// Calls a [`Params`] at the other end of a connection.
#[derive(::birpc::__private::Clone, ::birpc::__private::fmt::Debug)]
pub(crate) struct ParamsClient(::birpc::__private::Peer);
impl ParamsClient {
    /// Calls `none`.
    pub fn none(&self) -> ::birpc::__private::Call<Answer<()>> {
        ::birpc::__private::Peer::invoke(&self.0, "none", ())
    }
    /// Calls `named`.
    pub fn named(&self, a: u8, b: Vec<u8>) -> ::birpc::__private::Call<Answer<()>> {
        ::birpc::__private::Peer::invoke(
            &self.0,
            "named",
            ::birpc::__private::Named(&["a", "B"], (a, b)),
        )
    }
    /// Calls `positional`.
    pub fn positional(&self, a: u8) -> ::birpc::__private::Call<Answer<()>> {
        ::birpc::__private::Peer::invoke(&self.0, "positional", (a,))
    }
    /// Calls `single`.
    pub fn single(&self, params: Open) -> ::birpc::__private::Call<Answer<()>> {
        ::birpc::__private::Peer::invoke(&self.0, "single", params)
    }
    /// Calls `told`.
    pub fn told(&self, params: Open) -> ::birpc::__private::Notify {
        ::birpc::__private::Peer::notify(&self.0, "told", params)
    }
    /// Gathers calls, which go out in one JSON-RPC batch when it is sent.
    pub fn batch(&self) -> ::birpc::__private::Batch<ParamsBatch> {
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
impl ::birpc::__private::From<::birpc::__private::Peer> for ParamsClient {
    fn from(peer: ::birpc::__private::Peer) -> Self {
        Self(peer)
    }
}
/// Gathers calls of a [`Params`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
pub(crate) struct ParamsBatch(ParamsClient, ::birpc::__private::BatchCalls);
impl ParamsBatch {
    /// Calls `none`.
    #[inline]
    pub fn none(&mut self) -> ::birpc::__private::BatchCall<Answer<()>> {
        self.1.request(self.0.none())
    }
    /// Calls `named`.
    #[inline]
    pub fn named(
        &mut self,
        a: u8,
        b: Vec<u8>,
    ) -> ::birpc::__private::BatchCall<Answer<()>> {
        self.1.request(self.0.named(a, b))
    }
    /// Calls `positional`.
    #[inline]
    pub fn positional(&mut self, a: u8) -> ::birpc::__private::BatchCall<Answer<()>> {
        self.1.request(self.0.positional(a))
    }
    /// Calls `single`.
    #[inline]
    pub fn single(&mut self, params: Open) -> ::birpc::__private::BatchCall<Answer<()>> {
        self.1.request(self.0.single(params))
    }
    /// Calls `told`.
    #[inline]
    pub fn told(&mut self, params: Open) {
        self.1.notification(self.0.told(params))
    }
}
#[automatically_derived]
impl ::birpc::__private::From<::birpc::__private::BatchCalls> for ParamsBatch {
    fn from(calls: ::birpc::__private::BatchCalls) -> Self {
        Self(calls.stub(), calls)
    }
}
