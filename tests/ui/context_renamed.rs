use birpc::{Context, ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn post(&self, #[rpc(name = "c")] cx: &Context) -> Result<u64, ErrorObject>;
}

fn main() {}
