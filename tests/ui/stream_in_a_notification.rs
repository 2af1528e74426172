use birpc::{Streaming, rpc};

type Lines = Streaming<String>;

#[rpc]
trait Log {
    #[rpc(notification)]
    async fn put(&self, lines: Streaming<String>);
    #[rpc(notification)]
    async fn append(&self, name: String, lines: Lines);
}

fn main() {}
