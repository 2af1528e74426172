use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat<'a> {
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
