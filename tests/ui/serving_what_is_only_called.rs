use birpc::{ErrorObject, rpc};

#[rpc(client)]
trait Chat {
    #[rpc(ordered)]
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;

    #[rpc(blocking)]
    fn read(&self) -> Result<String, ErrorObject>;

    #[rpc(aliases = ["say"])]
    async fn shout(&self, #[rpc(default)] line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
