use birpc::{ErrorObject, Streaming, rpc};

#[rpc]
trait Eth {
    #[rpc(subscription(notify = "head", unsubscribe = "stop"))]
    async fn heads(&self, filters: Streaming<String>) -> Result<Streaming<u64>, ErrorObject>;
}

fn main() {}
