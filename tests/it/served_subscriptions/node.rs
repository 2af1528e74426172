//! A node with subscriptions, and what its subscribers send and read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use birpc::{Context, ErrorObject, Streaming, rpc};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::support::{Raw, Side};

#[rpc(namespace = "eth", separator = "_")]
pub(crate) trait Eth {
    /// `n` numbers from 0, and then what the kind says.
    #[rpc(subscription(notify = "subscription", unsubscribe = "unsubscribe"))]
    async fn subscribe(&self, cx: &Context, kind: String, n: u64) -> Result<Streaming<Value>, ErrorObject>;
    #[rpc(
        name = "slotSubscribe",
        subscription(
            notify_name = "slotNotification",
            unsubscribe_name = "slotUnsubscribe",
            ids = "number",
            end = "silent"
        )
    )]
    async fn slots(&self, cx: &Context, kind: String, n: u64) -> Result<Streaming<Value>, ErrorObject>;
    #[rpc(subscription(notify = "watched", unsubscribe = "unwatch", end = "close"))]
    async fn watch(&self, cx: &Context, kind: String, n: u64) -> Result<Streaming<Value>, ErrorObject>;
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject>;
    async fn slow(&self) -> Result<i64, ErrorObject>;
}

#[derive(Clone, Default)]
pub(crate) struct Node {
    /// Streams that live.
    pub(crate) live: Arc<AtomicUsize>,
    /// Items that were produced.
    pub(crate) produced: Arc<AtomicUsize>,
}

struct Life(Arc<AtomicUsize>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Node {
    pub(crate) fn side(&self) -> Side {
        Side::new(EthServer::new(self.clone()))
    }

    /// Waits until all streams are gone.
    pub(crate) async fn rest(&self) {
        while self.live.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn stream(&self, cx: &Context, kind: String, n: u64) -> Result<Streaming<Value>, ErrorObject> {
        match kind.as_str() {
            "refuse" => return Err(ErrorObject::new(8, "no")),
            "greet" => cx.peer().notify("hello", [n]).await.map_err(|_| ErrorObject::new(9, "gone"))?,
            "slow" => tokio::time::sleep(Duration::from_millis(20)).await,
            "late" => {
                cx.draining().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            "lag" => {
                let (sender, items) = broadcast::channel(4);
                (0..4 + n).for_each(|item| drop(sender.send(json!(item))));
                return Ok(Streaming::from_broadcast(items));
            }
            _ => {}
        }
        self.live.fetch_add(1, Ordering::SeqCst);
        let (life, produced) = (Life(self.live.clone()), self.produced.clone());
        let items = futures_util::stream::iter((0..n).map(|item| Ok(json!(item)))).inspect(move |_| {
            let _life = &life;
            produced.fetch_add(1, Ordering::SeqCst);
        });
        let failed = Err(ErrorObject::new(7, "it failed").with_data(&json!({"n": n})));
        let rest = futures_util::stream::once(async move {
            match kind.as_str() {
                "fail" => failed,
                "panic" => panic!("asked to"),
                "large" => Ok(json!("x".repeat(5 << 20))),
                _ => std::future::pending().await,
            }
        });
        Ok(Streaming::try_from_stream(items.chain(rest)))
    }
}

impl Eth for Node {
    async fn subscribe(&self, cx: &Context, kind: String, n: u64) -> Result<Streaming<Value>, ErrorObject> {
        if kind == "ticks" {
            return Ok(Streaming::from_iter((0..n).map(|item| json!(item))));
        }
        self.stream(cx, kind, n).await
    }

    async fn slots(&self, cx: &Context, kind: String, n: u64) -> Result<Streaming<Value>, ErrorObject> {
        self.stream(cx, kind, n).await
    }

    async fn watch(&self, cx: &Context, kind: String, n: u64) -> Result<Streaming<Value>, ErrorObject> {
        self.stream(cx, kind, n).await
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject> {
        Ok(a + b)
    }

    async fn slow(&self) -> Result<i64, ErrorObject> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(5)
    }
}

pub(crate) fn request(id: impl Into<Value>, method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params}).to_string()
}

pub(crate) fn subscribe(kind: &str, n: u64) -> String {
    request(1, "eth_subscribe", json!([kind, n]))
}

pub(crate) fn unsubscribe(id: &Value) -> String {
    request("off", "eth_unsubscribe", json!([id]))
}

/// The next message, which answers the request with this id.
pub(crate) async fn result(raw: &mut Raw, id: impl Into<Value>) -> Value {
    let message = raw.json().await;
    assert_eq!(message["id"], id.into(), "{message}");
    message["result"].clone()
}

/// The id of a subscription, whose reply is the next message.
pub(crate) async fn begun(raw: &mut Raw, request: String) -> Value {
    let id = raw.ask(&request).await["result"].clone();
    let text = id.as_str().unwrap_or_else(|| panic!("no text: {id}"));
    let digits = text.strip_prefix("0x").unwrap_or_default();
    assert!(digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{text}");
    id
}

pub(crate) fn item(method: &str, id: &Value, item: impl Into<Value>) -> Value {
    let params = json!({"subscription": id, "result": item.into()});
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

/// The next messages are these items of a subscription.
pub(crate) async fn items(raw: &mut Raw, id: &Value, count: u64) {
    for number in 0..count {
        assert_eq!(raw.json().await, item("eth_subscription", id, number));
    }
}

/// Nothing has come: the answer to this is the next.
pub(crate) async fn nothing(raw: &mut Raw) {
    tokio::time::sleep(Duration::from_millis(20)).await;
    raw.send([request("fence", "eth_add", json!([1, 2]))]).await;
    assert_eq!(result(raw, "fence").await, 3);
}
