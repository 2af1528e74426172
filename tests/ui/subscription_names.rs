use birpc::{ErrorObject, Streaming, rpc};

type Heads = Result<Streaming<u64>, ErrorObject>;

#[rpc(namespace = "eth", separator = "_")]
trait Eth {
    #[rpc(subscription(notify = "head", unsubscribe = "stop"))]
    async fn one(&self) -> Heads;
    #[rpc(subscription(notify = "head", unsubscribe = "stop"))]
    async fn may_have_the_same(&self) -> Heads;
    async fn stop(&self) -> Result<(), ErrorObject>;
    #[rpc(subscription(notify_name = "rpc.head", unsubscribe_name = ""))]
    async fn reserved(&self) -> Heads;
}

fn main() {}
