use birpc::{ErrorObject, Progress, rpc};

struct Step;

#[rpc]
trait Ci {
    async fn build(&self, progress: Progress<Step>) -> Result<(), ErrorObject>;
}

fn main() {}
