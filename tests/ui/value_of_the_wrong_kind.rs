use birpc::{ErrorObject, rpc};

#[rpc(namespace = 1, crate = "birpc")]
trait Chat {
    #[rpc(notification = true)]
    async fn typing(&self);

    #[rpc(name)]
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;

    #[rpc(aliases = "old")]
    async fn read(&self) -> Result<String, ErrorObject>;
}

fn main() {}
