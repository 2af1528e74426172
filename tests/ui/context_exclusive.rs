use birpc::{Context, ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn post(&self, cx: &mut Context, line: String) -> Result<u64, ErrorObject>;
}

fn main() {}
