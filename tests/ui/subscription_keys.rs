use birpc::{ErrorObject, Streaming, rpc};

type Heads = Result<Streaming<u64>, ErrorObject>;

#[rpc(namespace = "eth", separator = "_")]
trait Eth {
    #[rpc(subscription)]
    async fn bare(&self) -> Heads;
    #[rpc(subscription(notify = "subscription"))]
    async fn half(&self) -> Heads;
    #[rpc(subscription(notify = "a", notify_name = "b", unsubscribe = "c"))]
    async fn twice(&self) -> Heads;
    #[rpc(subscription(notify = "a", unsubscribe = "b", end = "loud", ids = "hex"))]
    async fn values(&self) -> Heads;
    #[rpc(subscription(notify = "a", unsubscribe = "b", close = "c"))]
    async fn unknown(&self) -> Heads;
}

fn main() {}
