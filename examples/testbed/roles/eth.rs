//! An Ethereum node with one account. For subscribers, its chain grows by a block every 50 ms.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use birpc::{Context, ErrorObject, rpc};
use serde_json::{Value, json};
use tokio::task::AbortHandle;

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
    async fn subscribe(&self, cx: &Context, kind: String) -> Result<String, ErrorObject>;
    async fn unsubscribe(&self, cx: &Context, id: String) -> Result<bool, ErrorObject>;
}

/// The notifications for subscribers, by name.
#[rpc(namespace = "eth", separator = "_")]
pub(crate) trait Subscriber {
    #[rpc(notification, params = "named")]
    async fn subscription(&self, subscription: String, result: Value);
}

/// The node. All that it stores of its chain is the number of the last block.
#[derive(Clone, Default)]
pub(crate) struct Node {
    last: Arc<AtomicU64>,
}

/// The subscriptions of a connection, which end with it.
#[derive(Default)]
struct Subscriptions(Mutex<HashMap<String, AbortHandle>>);

impl Drop for Subscriptions {
    fn drop(&mut self) {
        let running = self.0.get_mut().expect("nothing panics under the lock");
        running.values().for_each(AbortHandle::abort);
    }
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

    async fn subscribe(&self, cx: &Context, kind: String) -> Result<String, ErrorObject> {
        if kind != "newHeads" {
            return Err(ErrorObject::new(-32000, format!("no subscription `{kind}`")));
        }
        let subscriptions = match cx.get::<Subscriptions>() {
            Some(subscriptions) => subscriptions,
            None => {
                cx.peer().insert(Subscriptions::default());
                cx.get().ok_or_else(|| ErrorObject::new(-32000, "the connection has ended"))?
            }
        };
        let mut running = subscriptions.0.lock().expect("nothing panics under the lock");
        let id = format!("{:#x}", running.len() + 1);
        let subscriber: SubscriberClient = cx.peer().detached().stub();
        let task = tokio::spawn(tell_heads(self.clone(), subscriber, id.clone()));
        running.insert(id.clone(), task.abort_handle());
        Ok(id)
    }

    async fn unsubscribe(&self, cx: &Context, id: String) -> Result<bool, ErrorObject> {
        let subscriptions = cx.get::<Subscriptions>();
        let task = subscriptions.and_then(|subscriptions| {
            subscriptions.0.lock().expect("nothing panics under the lock").remove(&id)
        });
        Ok(task.inspect(AbortHandle::abort).is_some())
    }
}

/// Sends blocks until the subscription or the connection ends. The first one comes after the reply with the
/// subscription's id.
async fn tell_heads(node: Node, subscriber: SubscriberClient, id: String) {
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let number = node.last.fetch_add(1, Ordering::Relaxed) + 1;
        let head = json!({"number": format!("{number:#x}"), "hash": format!("{number:#066x}")});
        if subscriber.subscription(id.clone(), head).await.is_err() {
            return;
        }
    }
}
