use birpc::{ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn post(&self, #[rpc(default = 5)] limit: u64) -> Result<u64, ErrorObject>;

    async fn read(&self, #[serde(default, rename = "most")] limit: u64) -> Result<u64, ErrorObject>;

    async fn find(&self, #[rpc(default)] #[serde(default)] limit: u64) -> Result<u64, ErrorObject>;
}

fn main() {}
