use birpc::{Context, ErrorObject, rpc};

#[rpc]
trait Chat {
    async fn post(&self, line: &str) -> Result<u64, ErrorObject>;
    async fn send(&self, cx: &Context, line: &String) -> Result<u64, ErrorObject>;
    async fn all(&self, lines: Vec<&'static str>) -> Result<u64, ErrorObject>;
}

fn main() {}
