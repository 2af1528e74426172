use birpc::{ErrorObject, Progress, Streaming, rpc};

#[rpc]
trait Ci {
    async fn build(&self, progress: Option<Progress<u8>>) -> Result<(), ErrorObject>;
    async fn test(&self, steps: Streaming<birpc::Progress<u8>>) -> Result<(), ErrorObject>;
    async fn watch(&self) -> Result<Progress<u8>, ErrorObject>;
}

fn main() {}
