#[rpc(namespace = "eth", separator = "_")]
pub trait Eth {
    #[rpc(subscription(notify = "subscription", unsubscribe = "unsubscribe"))]
    async fn subscribe(&self, kind: String) -> Result<Streaming<Header>, ErrorObject>;
}
