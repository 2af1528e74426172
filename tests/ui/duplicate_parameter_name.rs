use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn post(&self, line: String, #[rpc(name = "line")] text: String) -> Result<u64, ErrorObject>;
}

fn main() {}
