use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    #[rpc(params = "single")]
    async fn post(&self, from: String, line: String) -> Result<u64, ErrorObject>;
    #[rpc(params = "single")]
    async fn read(&self) -> Result<String, ErrorObject>;
}

fn main() {}
