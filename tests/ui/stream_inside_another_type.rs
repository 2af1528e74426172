use birpc::{ErrorObject, Streaming, rpc};

#[rpc]
trait Log {
    async fn put(&self, lines: Option<Streaming<String>>) -> Result<u64, ErrorObject>;
    async fn merge(&self, lines: Vec<birpc::Streaming<String>>) -> Result<u64, ErrorObject>;
    async fn tail(&self) -> Result<(u64, Streaming<String>), ErrorObject>;
    async fn nested(&self) -> Result<Streaming<Streaming<String>>, ErrorObject>;
}

fn main() {}
