use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    const LIMIT: usize;
    type Line;
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;
}

struct Room;

impl Chat for Room {
    const LIMIT: usize = 80;
    type Line = String;
    async fn post(&self, _line: String) -> Result<u64, ErrorObject> {
        Ok(1)
    }
}

fn main() {
    ChatServer::new(Room);
}
