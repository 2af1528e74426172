#[rpc(client, null, crate = crate::wire)]
trait Remote {
    #[rpc(name = "call")]
    async fn call_text(&self, text: Option<String>) -> Answer<()>;
    #[rpc(name = "call", params = "named")]
    async fn call_number(&self, number: Option<u64>) -> Answer<()>;
}
#[rpc(dyn, crate = crate::wire)]
#[allow(clippy::too_many_arguments)]
trait Chosen<C: Config> {
    async fn find(&self, cx: &Context, hash: C::Hash, #[serde(default)] depth: u32) -> Answer<Vec<C::Block>>;
    async fn count(&self, #[rpc(default = defaults::limit)] limit: u32) -> Answer<u64> {
        Ok(limit.into())
    }
    #[rpc(blocking)]
    fn scan(&self, #[rpc(sensitive)] key: String, #[rpc(null)] from: Option<u64>) -> Answer<()>;
    #[rpc(sensitive)]
    async fn secret(&self) -> Answer<String>;
    #[rpc(notification, sensitive)]
    #[expect(unused_variables, reason = "it does nothing")]
    async fn told(&self, secret: String) {}
}
