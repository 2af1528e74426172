use birpc::{ErrorObject, Progress, rpc};

#[rpc]
trait Ci {
    async fn build(&self, steps: Progress<u8>, bytes: Progress<u64>) -> Result<(), ErrorObject>;
}

fn main() {}
