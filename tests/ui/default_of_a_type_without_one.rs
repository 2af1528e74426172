use birpc::{ErrorObject, rpc};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Limit(u64);

fn none() -> Option<u64> {
    None
}

#[rpc]
trait Chat {
    async fn post(&self, #[rpc(default)] limit: Limit) -> Result<u64, ErrorObject>;

    async fn read(&self, #[rpc(default = none)] limit: u64) -> Result<u64, ErrorObject>;
}

fn main() {}
