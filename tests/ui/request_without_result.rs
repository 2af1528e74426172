use birpc::rpc;

#[rpc]
trait Chat {
    async fn post(&self, line: String);
}

struct Room;

impl Chat for Room {
    async fn post(&self, _line: String) {}
}

fn main() {
    ChatServer::new(Room);
}
