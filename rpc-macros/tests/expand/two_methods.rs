#[rpc(namespace = "chat")]
pub trait Chat {
    /// Posts.
    async fn post(&self, cx: &Context, line: String) -> Result<u64, ChatError>;
    #[rpc(notification)]
    async fn typing(&self, cx: &Context);
}
