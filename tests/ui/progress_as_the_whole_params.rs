use birpc::{ErrorObject, Progress, rpc};

type Percent = Progress<u8>;

#[rpc]
trait Ci {
    #[rpc(params = "single")]
    async fn build(&self, progress: Percent) -> Result<(), ErrorObject>;
    #[rpc(params = "single")]
    async fn test(&self, progress: Progress<u8>) -> Result<(), ErrorObject>;
}

fn main() {}
