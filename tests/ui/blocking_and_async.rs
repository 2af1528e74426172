use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    #[rpc(blocking)]
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;
}

struct Room;

impl Chat for Room {
    async fn post(&self, _line: String) -> Result<u64, ErrorObject> {
        Ok(1)
    }
}

fn main() {}
