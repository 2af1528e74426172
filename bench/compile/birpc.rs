//! A hundred methods, served and called with birpc.

use std::collections::BTreeMap;
use std::error::Error;

use birpc::{Client, ErrorObject, Router, Server, rpc};
use serde::{Deserialize, Serialize};

type RpcResult<T> = Result<T, ErrorObject>;
type Api = HundredClient;

//{types}
#[rpc]
pub trait Hundred {
//{methods}
}

struct Service;

impl Hundred for Service {
//{service}
}

//{calls}
async fn call_all(api: &Api) -> Result<(), Box<dyn Error>> {
//{all}
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}", server.local_addr()?);
    let running = tokio::spawn(server.serve(Router::new().service(HundredServer::new(Service))));
    let client = Client::connect(&url).await?;
    call_all(&client.stub()).await?;
    running.abort();
    Ok(())
}
