//! jsonrpsee's WebSocket client and server, both with default settings; see [`birpc_bench::pair::run`].

use std::error::Error;
use std::sync::Arc;

use birpc_bench::pair::{self, Adds};
use jsonrpsee::core::{RpcResult, async_trait};
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::server::Server;
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};

/// The methods of the server.
#[rpc(client, server)]
trait Bench {
    /// The sum of two numbers.
    #[method(name = "add")]
    async fn add(&self, a: i64, b: i64) -> RpcResult<i64>;
}

struct Served;

#[async_trait]
impl BenchServer for Served {
    async fn add(&self, a: i64, b: i64) -> RpcResult<i64> {
        Ok(a.wrapping_add(b))
    }
}

#[derive(Clone)]
struct Stub(Arc<WsClient>);

impl Adds for Stub {
    async fn add(&self, a: i64, b: i64) -> i64 {
        BenchClient::add(&*self.0, a, b).await.expect("the server adds")
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    pair::run(async || {
        let server = Server::builder().build("127.0.0.1:0").await?;
        let url = format!("ws://{}/", server.local_addr()?);
        tokio::spawn(server.start(Served.into_rpc()).stopped());
        Ok(Stub(Arc::new(WsClientBuilder::default().build(url).await?)))
    })
}
