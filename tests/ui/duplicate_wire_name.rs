use birpc::{ErrorObject, rpc};

#[rpc(namespace = "chat")]
trait Chat {
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;

    #[rpc(name = "chat.post")]
    async fn send(&self, line: String) -> Result<u64, ErrorObject>;

    #[rpc(aliases = ["chat.say", "chat.post"])]
    async fn say(&self, line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
