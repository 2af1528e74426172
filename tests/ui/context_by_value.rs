use birpc::{Context, ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn post(&self, cx: Context, line: String) -> Result<u64, ErrorObject>;
    #[rpc(notification)]
    async fn typing(&self, cx: birpc::Context);
}

struct Room;

impl Chat for Room {
    async fn post(&self, _cx: Context, _line: String) -> Result<u64, ErrorObject> {
        Ok(0)
    }
    async fn typing(&self, _cx: Context) {}
}

fn main() {}
