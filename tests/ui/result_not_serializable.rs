use birpc::{ErrorObject, rpc};

struct Line;

#[rpc]
trait Chat {
    async fn read(&self) -> Result<Line, ErrorObject>;
}

fn main() {}
