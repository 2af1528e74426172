use birpc::{ErrorObject, RpcError, Streaming, rpc};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Line;

#[derive(Debug, RpcError)]
#[rpc(code = 1)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed")
    }
}

#[rpc(schema)]
trait Chat {
    async fn post(&self, line: Line) -> Result<u64, ErrorObject>;
    async fn last(&self) -> Result<Line, ErrorObject>;
    async fn tail(&self) -> Result<Streaming<Line>, ErrorObject>;
    async fn close(&self) -> Result<(), Closed>;
}

fn main() {}
