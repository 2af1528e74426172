use birpc::{ErrorObject, rpc};

#[rpc(dyn)]
trait Chat {
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
