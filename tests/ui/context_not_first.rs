use birpc::{Context, ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn post(&self, line: String, cx: &Context) -> Result<u64, ErrorObject>;
}

fn main() {}
