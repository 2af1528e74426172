use birpc::{ErrorObject, Streaming, rpc};

#[rpc]
trait Log {
    #[rpc(params = "single")]
    async fn put(&self, lines: Streaming<String>) -> Result<u64, ErrorObject>;
}

fn main() {}
