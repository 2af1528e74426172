use birpc::{ErrorObject, rpc};

#[rpc(namespace = "")]
trait Chat {
    #[rpc(name = "", aliases = [""])]
    async fn post(&self, #[rpc(name = "")] line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
