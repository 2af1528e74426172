//! An Ethereum node with one account. For subscribers, its chain grows by a block every 50 ms.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use birpc::{ErrorObject, Streaming, rpc};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

/// The methods that wallets and indexers call, by position.
#[rpc(namespace = "eth", separator = "_")]
pub(crate) trait Eth {
    #[rpc(name = "eth_chainId")]
    async fn chain_id(&self) -> Result<String, ErrorObject>;
    #[rpc(name = "eth_blockNumber")]
    async fn block_number(&self) -> Result<String, ErrorObject>;
    #[rpc(name = "eth_getBalance")]
    async fn balance(&self, address: String, block: Option<String>) -> Result<String, ErrorObject>;
    /// Fails with the node's own code and the contract's data, as a call that reverts does.
    async fn call(&self, transaction: Value, block: Option<String>) -> Result<String, ErrorObject>;
    /// `newHeads`, or `logs`: a thousand at once, and no more.
    #[rpc(subscription(notify = "subscription", unsubscribe = "unsubscribe"))]
    async fn subscribe(&self, kind: String, filter: Option<Value>) -> Result<Streaming<Value>, ErrorObject>;
}

/// The node. All that it stores of its chain is the number of the last block.
#[derive(Clone, Default)]
pub(crate) struct Node {
    last: Arc<AtomicU64>,
}

impl Eth for Node {
    async fn chain_id(&self) -> Result<String, ErrorObject> {
        Ok("0x539".into())
    }

    async fn block_number(&self) -> Result<String, ErrorObject> {
        Ok(format!("{:#x}", self.last.load(Ordering::Relaxed)))
    }

    async fn balance(&self, _address: String, block: Option<String>) -> Result<String, ErrorObject> {
        match block.as_deref() {
            None | Some("latest") => Ok("0xde0b6b3a7640000".into()),
            Some(other) => Err(ErrorObject::new(-32000, format!("block {other} is not kept"))),
        }
    }

    async fn call(&self, _transaction: Value, _block: Option<String>) -> Result<String, ErrorObject> {
        Err(ErrorObject::new(3, "execution reverted").with_data(&"0x12345678"))
    }

    async fn subscribe(&self, kind: String, _filter: Option<Value>) -> Result<Streaming<Value>, ErrorObject> {
        match kind.as_str() {
            "newHeads" => Ok(self.heads()),
            "logs" => Ok(Streaming::from_stream(stream::iter((0..1000).map(log)).chain(stream::pending()))),
            other => Err(ErrorObject::new(-32000, format!("no subscription `{other}`"))),
        }
    }
}

impl Node {
    fn heads(&self) -> Streaming<Value> {
        let last = self.last.clone();
        Streaming::from_stream(stream::unfold((), move |()| {
            let last = last.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let number = last.fetch_add(1, Ordering::Relaxed) + 1;
                let head = json!({"number": format!("{number:#x}"), "hash": format!("{number:#066x}")});
                Some((head, ()))
            }
        }))
    }
}

/// A log of a contract.
fn log(number: u64) -> Value {
    json!({
        "address": format!("0x{}", "11".repeat(20)),
        "topics": [format!("{number:#066x}")],
        "data": "0x",
        "blockNumber": "0x1",
        "blockHash": format!("{:#066x}", 1),
        "transactionHash": format!("{:#066x}", 2),
        "transactionIndex": "0x0",
        "logIndex": format!("{number:#x}"),
        "removed": false,
    })
}
