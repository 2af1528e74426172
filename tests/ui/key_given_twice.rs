use birpc::{ErrorObject, rpc};

#[rpc(namespace = "chat", namespace = "room")]
trait Chat {
    #[rpc(name = "a")]
    #[rpc(name = "b")]
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
