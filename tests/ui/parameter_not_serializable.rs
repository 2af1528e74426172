use birpc::{ErrorObject, rpc};

struct Line;

#[rpc]
trait Chat {
    async fn post(&self, line: Line) -> Result<u64, ErrorObject>;
}

fn main() {}
