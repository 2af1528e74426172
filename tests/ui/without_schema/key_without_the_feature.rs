use birpc::{ErrorObject, RpcError, rpc};

#[rpc(schema)]
trait Chat {
    async fn post(&self, line: String) -> Result<u64, ErrorObject>;
}

#[derive(Debug, RpcError)]
#[rpc(schema, code = 1)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed")
    }
}

fn main() {}
