use birpc::{ErrorObject, Streaming, rpc};

#[rpc(client)]
trait Eth {
    #[rpc(subscription(notify = "head", unsubscribe = "stop", end = "close", ids = "number"))]
    async fn heads(&self) -> Result<Streaming<u64>, ErrorObject>;
}

fn main() {}
