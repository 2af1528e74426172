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
impl<T: Params> ::birpc::__private::Service for ParamsServer<T> {
    fn register(self, router_: &mut ::birpc::__private::Router) {
        let mut routes_ = ::birpc::__private::Routes::new(router_, self.0);
        (&mut routes_)
            .request::<
                (),
                ::birpc::__private::Reply<Answer<()>>,
                _,
            >(&["none"], &[], |me_, _, ()| async move { Params::none(&*me_).await });
        (&mut routes_)
            .request::<
                (::birpc::__private::Param<u8>, ::birpc::__private::Param<Vec<u8>>),
                ::birpc::__private::Reply<Answer<()>>,
                _,
            >(
                &["named"],
                &["a", "B"],
                |me_, _, (a, b)| async move { Params::named(&*me_, a, b).await },
            );
        (&mut routes_)
            .request::<
                (::birpc::__private::Param<u8>,),
                ::birpc::__private::Reply<Answer<()>>,
                _,
            >(
                &["positional"],
                &["a"],
                |me_, _, (a,)| async move { Params::positional(&*me_, a).await },
            );
        (&mut routes_)
            .request::<
                ::birpc::__private::Single<::birpc::__private::SingleParam<Open>>,
                ::birpc::__private::Reply<Answer<()>>,
                _,
            >(
                &["single"],
                &[],
                |me_, cx_, ::birpc::__private::Single(params)| async move {
                    Params::single(&*me_, &cx_, params).await
                },
            );
        (&mut routes_)
            .notification::<
                ::birpc::__private::Single<::birpc::__private::NotificationParam<Open>>,
                _,
            >(
                &["told"],
                &[],
                |me_, _, ::birpc::__private::Single(params)| async move {
                    Params::told(&*me_, params).await
                },
            );
    }
}
impl<T> ::birpc::__private::fmt::Debug for ParamsServer<T> {
    fn fmt(&self, f_: ::birpc::__private::Format<'_, '_>) -> ::birpc::__private::Fmt {
        f_.write_str("ParamsServer")
    }
}
/// Calls a [`Params`] at the other end of a connection.
#[derive(::birpc::__private::Clone, ::birpc::__private::fmt::Debug)]
pub(crate) struct ParamsClient(::birpc::__private::Peer);
impl ParamsClient {
    /// Calls `none`.
    pub fn none(&self) -> ::birpc::__private::Call<Answer<()>> {
        ::birpc::__private::request::<
            ::birpc::__private::Reply<Answer<()>>,
            ::birpc::__private::Named<()>,
        >(&self.0, "none", ::birpc::__private::Named(&[], ()))
    }
    /// Calls `named`.
    pub fn named(&self, a: u8, b: Vec<u8>) -> ::birpc::__private::Call<Answer<()>> {
        ::birpc::__private::request::<
            ::birpc::__private::Reply<Answer<()>>,
            ::birpc::__private::Named<
                (::birpc::__private::Param<u8>, ::birpc::__private::Param<Vec<u8>>),
            >,
        >(&self.0, "named", ::birpc::__private::Named(&["a", "B"], (a, b)))
    }
    /// Calls `positional`.
    pub fn positional(&self, a: u8) -> ::birpc::__private::Call<Answer<()>> {
        ::birpc::__private::request::<
            ::birpc::__private::Reply<Answer<()>>,
            (::birpc::__private::Param<u8>,),
        >(&self.0, "positional", (a,))
    }
    /// Calls `single`.
    pub fn single(&self, params: Open) -> ::birpc::__private::Call<Answer<()>> {
        ::birpc::__private::request::<
            ::birpc::__private::Reply<Answer<()>>,
            ::birpc::__private::Single<::birpc::__private::SingleParam<Open>>,
        >(&self.0, "single", ::birpc::__private::Single(params))
    }
    /// Calls `told`.
    pub fn told(&self, params: Open) -> ::birpc::__private::Notify {
        ::birpc::__private::notification::<
            ::birpc::__private::Single<::birpc::__private::NotificationParam<Open>>,
        >(&self.0, "told", ::birpc::__private::Single(params))
    }
    /// Creates a batch: its calls are sent together in one JSON-RPC message.
    pub fn batch(&self) -> ::birpc::__private::Batch<ParamsBatch> {
        ::birpc::__private::batch(&self.0, ParamsBatch)
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
impl ::birpc::__private::From<::birpc::__private::Peer> for ParamsClient {
    fn from(peer_: ::birpc::__private::Peer) -> Self {
        Self(peer_)
    }
}
/// Collects calls of a [`Params`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
pub(crate) struct ParamsBatch(ParamsClient, ::birpc::__private::BatchCalls);
impl ParamsBatch {
    /// Calls `none`.
    #[inline]
    pub fn none(&mut self) -> ::birpc::__private::BatchCall<Answer<()>> {
        ::birpc::__private::batch_call(&mut self.1, ParamsClient::none(&self.0))
    }
    /// Calls `named`.
    #[inline]
    pub fn named(
        &mut self,
        a: u8,
        b: Vec<u8>,
    ) -> ::birpc::__private::BatchCall<Answer<()>> {
        ::birpc::__private::batch_call(&mut self.1, ParamsClient::named(&self.0, a, b))
    }
    /// Calls `positional`.
    #[inline]
    pub fn positional(&mut self, a: u8) -> ::birpc::__private::BatchCall<Answer<()>> {
        ::birpc::__private::batch_call(&mut self.1, ParamsClient::positional(&self.0, a))
    }
    /// Calls `single`.
    #[inline]
    pub fn single(&mut self, params: Open) -> ::birpc::__private::BatchCall<Answer<()>> {
        ::birpc::__private::batch_call(
            &mut self.1,
            ParamsClient::single(&self.0, params),
        )
    }
    /// Calls `told`.
    #[inline]
    pub fn told(&mut self, params: Open) {
        ::birpc::__private::batch_notification(
            &mut self.1,
            ParamsClient::told(&self.0, params),
        )
    }
}
