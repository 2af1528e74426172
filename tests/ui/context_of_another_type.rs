use birpc::{ErrorObject, rpc};

struct Session;

#[rpc]
trait Chat {
    async fn post(&self, session: &Session, line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
