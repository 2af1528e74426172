/// A shop.
#[cfg(feature = "shop")]
#[deprecated]
pub trait Shop: ::birpc::__private::Send + ::birpc::__private::Sync + 'static {
    /// Buys,
    /// and pays.
    #[cfg(feature = "money")]
    #[cfg_attr(docsrs, doc(cfg(feature = "money")))]
    #[must_use]
    fn buy(
        &self,
        what: Item,
    ) -> impl ::birpc::__private::Future<Output = Answer<()>> + ::birpc::__private::Send;
    #[cfg(not(feature = "money"))]
    fn buy(
        &self,
        what: Item,
        with: Item,
    ) -> impl ::birpc::__private::Future<Output = Answer<()>> + ::birpc::__private::Send;
    #[deprecated = "steal no more"]
    #[allow(non_snake_case)]
    #[expect(unused_variables)]
    fn Steal(
        &self,
    ) -> impl ::birpc::__private::Future<Output = ()> + ::birpc::__private::Send;
}
#[cfg(feature = "shop")]
/// Serves a [`Shop`]: give it to a `Router`.
pub struct ShopServer<T>(::birpc::__private::Arc<T>);
#[cfg(feature = "shop")]
#[allow(deprecated)]
impl<T: Shop> ShopServer<T> {
    /// Serves an implementation.
    pub fn new(service_: T) -> Self {
        Self(::birpc::__private::Arc::new(service_))
    }
    /// Serves an implementation that is shared with others.
    pub fn from_arc(service_: ::birpc::__private::Arc<T>) -> Self {
        Self(service_)
    }
}
#[cfg(feature = "shop")]
#[allow(deprecated)]
#[automatically_derived]
impl<T: Shop> ::birpc::__private::Service for ShopServer<T> {
    fn register(self, router_: &mut ::birpc::__private::Router) {
        let mut routes_ = ::birpc::__private::Routes::new(router_, self.0);
        #[cfg(feature = "money")]
        (&mut routes_)
            .request::<
                (::birpc::__private::IdempotentParam<Item>,),
                ::birpc::__private::Reply<Answer<()>>,
                _,
            >(
                &["buy"],
                &["what"],
                |me_, _, (what,)| async move { Shop::buy(&*me_, what).await },
            );
        #[cfg(not(feature = "money"))]
        (&mut routes_)
            .request::<
                (::birpc::__private::Param<Item>, ::birpc::__private::Param<Item>),
                ::birpc::__private::Reply<Answer<()>>,
                _,
            >(
                &["buy"],
                &["what", "with"],
                |me_, _, (what, with)| async move { Shop::buy(&*me_, what, with).await },
            );
        (&mut routes_)
            .notification(
                &["Steal"],
                &[],
                |me_, _, ()| async move { Shop::Steal(&*me_).await },
            );
    }
}
#[cfg(feature = "shop")]
#[allow(deprecated)]
impl<T> ::birpc::__private::fmt::Debug for ShopServer<T> {
    fn fmt(&self, f_: ::birpc::__private::Format<'_, '_>) -> ::birpc::__private::Fmt {
        f_.write_str("ShopServer")
    }
}
#[cfg(feature = "shop")]
/// Calls a [`Shop`] at the other end of a connection.
#[derive(::birpc::__private::Clone, ::birpc::__private::fmt::Debug)]
pub struct ShopClient(::birpc::__private::Peer);
#[cfg(feature = "shop")]
impl ShopClient {
    /// Buys,
    /// and pays.
    #[cfg(feature = "money")]
    #[cfg_attr(docsrs, doc(cfg(feature = "money")))]
    pub fn buy(&self, what: Item) -> ::birpc::__private::Call<Answer<()>> {
        ::birpc::__private::request::<
            ::birpc::__private::Reply<Answer<()>>,
            (::birpc::__private::IdempotentParam<Item>,),
        >(&self.0, "buy", (what,))
            .idempotent()
    }
    /// Calls `buy`.
    #[cfg(not(feature = "money"))]
    pub fn buy(&self, what: Item, with: Item) -> ::birpc::__private::Call<Answer<()>> {
        ::birpc::__private::request::<
            ::birpc::__private::Reply<Answer<()>>,
            (::birpc::__private::Param<Item>, ::birpc::__private::Param<Item>),
        >(&self.0, "buy", (what, with))
    }
    /// Calls `Steal`.
    #[deprecated = "steal no more"]
    #[allow(non_snake_case)]
    #[allow(unused_variables)]
    pub fn Steal(&self) -> ::birpc::__private::Notify {
        ::birpc::__private::notification::<()>(&self.0, "Steal", ())
    }
    /// Creates a batch: its calls are sent together in one JSON-RPC message.
    pub fn batch(&self) -> ::birpc::__private::Batch<ShopBatch> {
        ::birpc::__private::batch(&self.0, ShopBatch)
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
#[cfg(feature = "shop")]
#[automatically_derived]
impl ::birpc::__private::From<::birpc::__private::Peer> for ShopClient {
    fn from(peer_: ::birpc::__private::Peer) -> Self {
        Self(peer_)
    }
}
#[cfg(feature = "shop")]
/// Collects calls of a [`Shop`] for one JSON-RPC batch.
#[derive(::birpc::__private::fmt::Debug)]
pub struct ShopBatch(ShopClient, ::birpc::__private::BatchCalls);
#[cfg(feature = "shop")]
#[allow(deprecated)]
impl ShopBatch {
    /// Buys,
    /// and pays.
    #[cfg(feature = "money")]
    #[cfg_attr(docsrs, doc(cfg(feature = "money")))]
    #[inline]
    pub fn buy(&mut self, what: Item) -> ::birpc::__private::BatchCall<Answer<()>> {
        ::birpc::__private::batch_call(&mut self.1, ShopClient::buy(&self.0, what))
    }
    /// Calls `buy`.
    #[cfg(not(feature = "money"))]
    #[inline]
    pub fn buy(
        &mut self,
        what: Item,
        with: Item,
    ) -> ::birpc::__private::BatchCall<Answer<()>> {
        ::birpc::__private::batch_call(&mut self.1, ShopClient::buy(&self.0, what, with))
    }
    /// Calls `Steal`.
    #[deprecated = "steal no more"]
    #[allow(non_snake_case)]
    #[allow(unused_variables)]
    #[inline]
    pub fn Steal(&mut self) {
        ::birpc::__private::batch_notification(&mut self.1, ShopClient::Steal(&self.0))
    }
}
