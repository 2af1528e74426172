//! jsonrpsee's WebSocket server with default settings, except for the number of connections, and one thread:
//! `jsonrpsee_server --listen 127.0.0.1:0` prints `listening on ws://127.0.0.1:PORT/` first.

use std::error::Error;

use birpc_bench::options::option;
use jsonrpsee::core::{RpcResult, async_trait};
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::server::{Server, ServerConfig};
use jsonrpsee::types::ErrorObjectOwned;
use serde_json::value::RawValue;

/// Its default of 100 would refuse the larger shapes; this is birpc's default.
const MAX_CONNECTIONS: u32 = 10_000;

/// The methods of the server.
#[rpc(server)]
trait Bench {
    /// The sum of two numbers.
    #[method(name = "add")]
    async fn add(&self, a: i64, b: i64) -> RpcResult<i64>;
    /// Returns its parameter.
    #[method(name = "echo")]
    async fn echo(&self, value: Box<RawValue>) -> RpcResult<Box<RawValue>>;
}

struct Served;

#[async_trait]
impl BenchServer for Served {
    async fn add(&self, a: i64, b: i64) -> RpcResult<i64> {
        a.checked_add(b).ok_or_else(|| ErrorObjectOwned::owned(1, "the sum does not fit an i64", None::<()>))
    }

    async fn echo(&self, value: Box<RawValue>) -> RpcResult<Box<RawValue>> {
        Ok(value)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let listen = option("--listen", "127.0.0.1:0".to_owned())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let config = ServerConfig::builder().max_connections(MAX_CONNECTIONS).build();
        let server = Server::builder().set_config(config).build(listen).await?;
        println!("listening on ws://{}/", server.local_addr()?);
        server.start(Served.into_rpc()).stopped().await;
        Ok(())
    })
}
