use birpc::{Context, ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn post(&self, #[rpc(sensitive)] cx: &Context, line: String) -> Result<u64, ErrorObject>;

    async fn read(&self, #[serde(default)] cx: &Context) -> Result<u64, ErrorObject>;
}

fn main() {}
