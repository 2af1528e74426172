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
    /// Serves `service`.
    pub fn new(service: T) -> Self {
        Self(::birpc::__private::Arc::new(service))
    }
    /// Serves a `service` that is shared with others.
    pub fn from_arc(service: ::birpc::__private::Arc<T>) -> Self {
        Self(service)
    }
}
#[cfg(feature = "shop")]
#[allow(deprecated)]
#[automatically_derived]
impl<T: Shop> ::birpc::__private::Service for ShopServer<T> {
    fn register(self, router: &mut ::birpc::__private::Router) {
        let mut routes = ::birpc::__private::Routes::new(router, self.0);
        #[cfg(feature = "money")]
        routes
            .request::<
                (Item,),
                _,
                _,
            >(
                &["buy"],
                &["what"],
                |this, _, (what,)| async move { Shop::buy(&*this, what).await },
            );
        #[cfg(not(feature = "money"))]
        routes
            .request::<
                (Item, Item),
                _,
                _,
            >(
                &["buy"],
                &["what", "with"],
                |this, _, (what, with)| async move {
                    Shop::buy(&*this, what, with).await
                },
            );
        routes
            .notification::<
                (),
                _,
                _,
            >(&["Steal"], &[], |this, _, ()| async move { Shop::Steal(&*this).await });
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
        ::birpc::__private::Peer::invoke(&self.0, "buy", (what,)).idempotent()
    }
    /// Calls `buy`.
    #[cfg(not(feature = "money"))]
    pub fn buy(&self, what: Item, with: Item) -> ::birpc::__private::Call<Answer<()>> {
        ::birpc::__private::Peer::invoke(&self.0, "buy", (what, with))
    }
    /// Calls `Steal`.
    #[deprecated = "steal no more"]
    #[allow(non_snake_case)]
    pub fn Steal(&self) -> ::birpc::__private::Notify {
        ::birpc::__private::Peer::notify(&self.0, "Steal", ())
    }
    /// Gathers calls, which go out in one JSON-RPC batch when it is sent.
    pub fn batch(&self) -> ::birpc::__private::Batch<ShopBatch> {
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
#[cfg(feature = "shop")]
#[automatically_derived]
impl ::birpc::__private::From<::birpc::__private::Peer> for ShopClient {
    fn from(peer: ::birpc::__private::Peer) -> Self {
        Self(peer)
    }
}
#[cfg(feature = "shop")]
/// Gathers calls of a [`Shop`] for one JSON-RPC batch.
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
        self.1.request(self.0.buy(what))
    }
    /// Calls `buy`.
    #[cfg(not(feature = "money"))]
    #[inline]
    pub fn buy(
        &mut self,
        what: Item,
        with: Item,
    ) -> ::birpc::__private::BatchCall<Answer<()>> {
        self.1.request(self.0.buy(what, with))
    }
    /// Calls `Steal`.
    #[deprecated = "steal no more"]
    #[allow(non_snake_case)]
    #[inline]
    pub fn Steal(&mut self) {
        self.1.notification(self.0.Steal())
    }
}
#[cfg(feature = "shop")]
#[automatically_derived]
impl ::birpc::__private::From<::birpc::__private::BatchCalls> for ShopBatch {
    fn from(calls: ::birpc::__private::BatchCalls) -> Self {
        Self(calls.stub(), calls)
    }
}
