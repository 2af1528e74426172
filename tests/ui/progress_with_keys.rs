use birpc::{ErrorObject, Progress, rpc};

#[rpc]
trait Ci {
    async fn build(&self, #[rpc(name = "p")] progress: Progress<u8>) -> Result<(), ErrorObject>;
    async fn test(&self, #[rpc(default)] progress: Progress<u8>) -> Result<(), ErrorObject>;
}

fn main() {}
