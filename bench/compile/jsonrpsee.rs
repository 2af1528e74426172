//! A hundred methods, served and called with jsonrpsee.

use std::collections::BTreeMap;
use std::error::Error;

use jsonrpsee::client_transport::ws::WsTransportClientBuilder;
use jsonrpsee::core::client::{Client, ClientBuilder};
use jsonrpsee::core::{RpcResult, async_trait};
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::server::Server;
use serde::{Deserialize, Serialize};

type Api = Client;

//{types}
#[rpc(server, client)]
pub trait Hundred {
//{methods}
}

struct Service;

#[async_trait]
impl HundredServer for Service {
//{service}
}

//{calls}
async fn call_all(api: &Api) -> Result<(), Box<dyn Error>> {
//{all}
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::builder().build("127.0.0.1:0").await?;
    let url = format!("ws://{}", server.local_addr()?);
    let running = server.start(Service.into_rpc());
    let (sender, receiver) = WsTransportClientBuilder::default().build(url.parse()?).await?;
    call_all(&ClientBuilder::default().build_with_tokio(sender, receiver)).await?;
    running.stop()?;
    Ok(())
}
