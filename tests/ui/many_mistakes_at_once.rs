use birpc::{ErrorObject, rpc};

#[rpc(namespace = "chat", color = "red")]
trait Chat {
    fn post(&self, line: String) -> Result<u64, ErrorObject>;

    #[rpc(notification)]
    async fn typing(&self, who: &str) -> bool;

    async fn read(&mut self) -> Result<String, ErrorObject>;

    async fn fine(&self) -> Result<String, ErrorObject>;
}

struct Room;

impl Chat for Room {
    fn post(&self, _line: String) -> Result<u64, ErrorObject> {
        Ok(1)
    }

    async fn typing(&self, _who: &str) -> bool {
        true
    }

    async fn read(&mut self) -> Result<String, ErrorObject> {
        Ok(String::new())
    }

    async fn fine(&self) -> Result<String, ErrorObject> {
        Ok(String::new())
    }
}

async fn caller(chat: ChatClient) -> ChatServer<Room> {
    let _ = chat.fine().await;
    let _ = chat.peer();
    ChatServer::new(Room)
}

fn main() {}
