use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    fn post(&self, line: String) -> Result<u64, ErrorObject>;
}

struct Room;

impl Chat for Room {
    fn post(&self, _line: String) -> Result<u64, ErrorObject> {
        Ok(1)
    }
}

fn main() {}
