use birpc::{ErrorObject, Streaming, rpc};

#[rpc]
trait Log {
    #[rpc(idempotent)]
    async fn put(&self, lines: Streaming<String>) -> Result<u64, ErrorObject>;
    #[rpc(idempotent)]
    async fn tail(&self) -> Result<Streaming<String>, ErrorObject>;
}

fn main() {}
