use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn post(&self, line: impl Into<String>) -> Result<u64, ErrorObject>;
}

fn main() {}
