use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    #[rpc(ordered = true)]
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
