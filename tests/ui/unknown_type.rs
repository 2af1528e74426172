use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn post(&self, line: Line) -> Result<u64, ErrorObject>;
}

fn main() {}
