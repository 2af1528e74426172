use birpc::{Progress, rpc};

type Percent = Progress<u8>;

#[rpc]
trait Ci {
    #[rpc(notification)]
    async fn build(&self, progress: Progress<u8>);
    #[rpc(notification)]
    async fn test(&self, target: String, progress: Percent);
}

fn main() {}
