//! A node to whose new blocks and logs ethers, viem, web3.py and others subscribe.
//!
//! `cargo run --example ethereum` listens on 127.0.0.1:8545 and mines a block each second:
//!
//! ```text
//! const provider = new ethers.WebSocketProvider("ws://127.0.0.1:8545/");
//! provider.on("block", (number) => console.log(number));
//! ```
//!
//! With another address as argument it listens there. `--watch URL` subscribes at such a node instead.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use birpc::{Client, ErrorObject, Server, Streaming, rpc};
use serde_json::{Value, json};
use tokio::sync::broadcast;

#[rpc(namespace = "eth", separator = "_")]
trait Eth {
    #[rpc(name = "eth_chainId")]
    async fn chain_id(&self) -> Result<String, ErrorObject>;
    #[rpc(name = "eth_blockNumber")]
    async fn block_number(&self) -> Result<String, ErrorObject>;
    /// `newHeads` or `logs`. A filter may be given; this node does not apply it.
    #[rpc(subscription(notify = "subscription", unsubscribe = "unsubscribe"))]
    async fn subscribe(&self, kind: String, filter: Option<Value>) -> Result<Streaming<Value>, ErrorObject>;
}

/// The chain: the number of its last block, and who watches it.
struct Chain {
    last: AtomicU64,
    heads: broadcast::Sender<Value>,
    logs: broadcast::Sender<Value>,
}

impl Eth for Chain {
    async fn chain_id(&self) -> Result<String, ErrorObject> {
        Ok("0x539".into())
    }

    async fn block_number(&self) -> Result<String, ErrorObject> {
        Ok(format!("{:#x}", self.last.load(Ordering::Relaxed)))
    }

    async fn subscribe(&self, kind: String, _filter: Option<Value>) -> Result<Streaming<Value>, ErrorObject> {
        // The reply with the id goes out before the first item. `eth_unsubscribe` is served as well.
        match kind.as_str() {
            "newHeads" => Ok(Streaming::from_broadcast(self.heads.subscribe())),
            "logs" => Ok(Streaming::from_broadcast(self.logs.subscribe())),
            other => Err(ErrorObject::new(-32000, format!("there is no subscription `{other}`"))),
        }
    }
}

impl Chain {
    fn mine(&self) {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (hex, hash) = (format!("{number:#x}"), format!("{number:#066x}"));
        // Without subscribers nobody takes them.
        let _ = self.heads.send(json!({"number": hex, "hash": hash}));
        let _ = self.logs.send(json!({
            "address": format!("0x{}", "11".repeat(20)),
            "topics": [],
            "data": hex,
            "blockNumber": hex,
            "blockHash": hash,
            "transactionHash": hash,
            "transactionIndex": "0x0",
            "logIndex": "0x0",
            "removed": false,
        }));
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => serve("127.0.0.1:8545").await,
        ["--watch", url] => watch(url).await,
        [address] => serve(address).await,
        _ => Err("expected an address to listen on, or --watch and a URL".into()),
    }
}

async fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let chain =
        Chain { last: AtomicU64::new(0), heads: broadcast::channel(128).0, logs: broadcast::channel(1024).0 };
    let chain = std::sync::Arc::new(chain);
    let server = Server::bind(address).await?;
    println!("listening on ws://{}/", server.local_addr()?);
    let mined = chain.clone();
    tokio::spawn(async move {
        let mut clock = tokio::time::interval(Duration::from_secs(1));
        loop {
            clock.tick().await;
            mined.mine();
        }
    });
    server.serve(EthServer::from_arc(chain)).await?;
    Ok(())
}

/// Shows three blocks of a node, which need not be birpc's.
async fn watch(url: &str) -> Result<(), Box<dyn Error>> {
    // Without a subprotocol both sides speak plain JSON-RPC, as with any node.
    let client = Client::builder().subprotocols([]).connect(url).await?;
    let eth: EthClient = client.stub();
    println!("chain {}", eth.chain_id().await?);
    let mut heads = eth.subscribe("newHeads".into(), None).await?;
    for _ in 0..3 {
        match heads.next().await {
            Some(head) => println!("block {}", head?["number"]),
            None => return Err("the node ends the subscription".into()),
        }
    }
    Ok(()) // dropping the stream unsubscribes
}
