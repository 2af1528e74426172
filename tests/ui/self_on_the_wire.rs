use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn merge(&self, others: Vec<Self>) -> Result<u64, ErrorObject>;
    async fn copy(&self) -> Result<Self, ErrorObject>;
}

fn main() {}
