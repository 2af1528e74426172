use birpc::{ErrorObject, rpc};

type Head = Result<u64, ErrorObject>;

#[rpc]
trait Eth {
    #[rpc(subscription(notify = "head", unsubscribe = "stop"))]
    async fn heads(&self) -> Result<Vec<u64>, ErrorObject>;
    #[rpc(subscription(notify = "head", unsubscribe = "stop"))]
    async fn head(&self) -> Head;
}

fn main() {}
