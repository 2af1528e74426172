use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn post(&self, (from, line): (String, String)) -> Result<u64, ErrorObject>;
    async fn send(&self, _: String) -> Result<u64, ErrorObject>;
}

fn main() {}
