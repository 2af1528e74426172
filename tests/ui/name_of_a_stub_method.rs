use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn peer(&self) -> Result<String, ErrorObject>;
    async fn batch(&self) -> Result<String, ErrorObject>;
    async fn with_timeout(&self, seconds: u64) -> Result<String, ErrorObject>;
}

fn main() {}
