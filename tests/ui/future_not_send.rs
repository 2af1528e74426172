use birpc::{ErrorObject, rpc};

use std::rc::Rc;

#[rpc]
trait Chat {
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;
    async fn other(&self) -> Result<u64, ErrorObject>;
}

struct Room;

impl Chat for Room {
    async fn post(&self, line: String) -> Result<u64, ErrorObject> {
        let line = Rc::new(line);
        self.other().await?;
        Ok(line.len() as u64)
    }

    async fn other(&self) -> Result<u64, ErrorObject> {
        Ok(1)
    }
}

fn main() {}
