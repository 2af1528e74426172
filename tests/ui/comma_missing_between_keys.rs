use birpc::{ErrorObject, rpc};

#[rpc(namespace = "chat" separator = "_")]
trait Chat {
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
