use birpc::{ErrorObject, rpc};

#[rpc(prefix = "chat", namespace = "chat", versions(1, 2))]
trait Chat {
    #[rpc(notify, oneway = true)]
    async fn typing(&self) -> Result<(), ErrorObject>;

    async fn post(&self, #[rpc(rename = "text")] line: String) -> Result<u64, ErrorObject>;

    async fn read(#[rpc(name = "this")] &self) -> Result<String, ErrorObject>;
}

fn main() {}
