/// A shop.
#[rpc]
#[cfg(feature = "shop")]
#[deprecated]
pub trait Shop {
    /// Buys,
    /// and pays.
    #[cfg(feature = "money")]
    #[cfg_attr(docsrs, doc(cfg(feature = "money")))]
    #[must_use]
    #[rpc(idempotent)]
    async fn buy(&self, what: Item) -> Answer<()>;
    #[cfg(not(feature = "money"))]
    async fn buy(&self, what: Item, with: Item) -> Answer<()>;
    #[deprecated = "steal no more"]
    #[allow(non_snake_case)]
    #[expect(unused_variables)]
    #[rpc(notification)]
    async fn Steal(&self);
}
