use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    #[rpc(name = "rpc.post", aliases = ["rpc.send"])]
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
