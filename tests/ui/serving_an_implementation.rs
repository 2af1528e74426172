use birpc::{Server, rpc};

#[rpc]
trait Chat {
    async fn post(&self, line: String) -> Result<u64, birpc::ErrorObject>;
}

struct Room;

impl Chat for Room {
    async fn post(&self, _line: String) -> Result<u64, birpc::ErrorObject> {
        Ok(0)
    }
}

async fn serve(server: Server) {
    let _ = server.serve(Room).await;
}

fn main() {}
