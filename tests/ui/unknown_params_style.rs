use birpc::{ErrorObject, rpc};

#[rpc(params = "object")]
trait Chat {
    #[rpc(params = "array")]
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
