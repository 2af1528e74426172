#[rpc(params = "named")]
pub(crate) trait Params {
    async fn none(&self) -> Answer<()>;
    async fn named(&self, a: u8, #[rpc(name = "B")] b: Vec<u8>) -> Answer<()>;
    #[rpc(params = "positional")]
    async fn positional(&self, a: u8) -> Answer<()>;
    #[rpc(params = "single")]
    async fn single(&self, cx: &Context, params: Open) -> Answer<()>;
    #[rpc(notification, params = "single")]
    async fn told(&self, params: Open);
}
