//! Subscriptions through limits, drains, layers, slow readers, blocked threads and lost connections.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use birpc::middleware::{Handler, IncomingCall, Next, from_fn};
use birpc::{Context, ErrorObject, RawValue, Router, Streaming, rpc};
use serde_json::{Value, json};

use crate::served_subscriptions::node::{begun, items, nothing, request, subscribe, unsubscribe};
use crate::served_subscriptions::{EthServer, Node};
use crate::support::{Heard, Join, Side, bounded, over_both};

over_both! {
    subscriptions_are_bounded_and_hold_no_slot
    a_drain_ends_subscriptions_at_once
    with_their_connection_subscriptions_are_gone
    a_subscriber_that_does_not_read_stops_the_source
    a_context_hears_that_its_subscriber_has_gone
    a_shielded_section_outlives_an_unsubscribe
    a_layer_sees_a_subscription_until_its_reply
}

async fn subscriptions_are_bounded_and_hold_no_slot(join_by: Join) {
    let node = Node::default();
    let side = node.side().in_flight(1).limits(|limits| limits.max_streams = 3);
    let (mut raw, peer) = join_by.raw(None, side).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(begun(&mut raw, subscribe("wait", 0)).await);
    }
    let refused = raw.ask(&subscribe("wait", 0)).await;
    assert_eq!(refused["error"]["code"], -32005, "{refused}");
    nothing(&mut raw).await;
    assert_eq!(peer.serving(), 0);
    assert_eq!(raw.ask(&unsubscribe(&ids[1])).await["result"], true);
    // One that never began leaves its place, and so does one that is complete, soon after its reply.
    for kind in ["refuse", "ticks", "ticks", "fail", "wait"] {
        let answer = loop {
            let answer = raw.ask(&subscribe(kind, 0)).await;
            if answer["error"]["code"] != -32005 {
                break answer;
            }
        };
        assert_eq!(answer.get("error").is_some(), kind == "refuse", "{answer}");
        if kind == "fail" {
            assert_eq!(raw.json().await["params"]["error"]["code"], 7);
        }
    }
    assert_eq!(raw.ask(&subscribe("wait", 0)).await["error"]["code"], -32005);
}

async fn a_drain_ends_subscriptions_at_once(join_by: Join) {
    let node = Node::default();
    let (mut raw, peer) = join_by.raw(None, node.side()).await;
    let id = begun(&mut raw, subscribe("wait", 1)).await;
    items(&mut raw, &id, 1).await;
    // One of each other kind, which say nothing of it.
    assert!(raw.ask(&request(1, "slotSubscribe", json!(["wait", 0]))).await["result"].is_u64());
    begun(&mut raw, request(1, "eth_watch", json!(["wait", 0]))).await;
    while peer.serving() > 0 {
        tokio::task::yield_now().await;
    }
    // One whose handler still runs.
    raw.send([subscribe("late", 1)]).await;
    while peer.serving() == 0 {
        tokio::task::yield_now().await;
    }
    let draining = tokio::spawn(async move {
        peer.drain().await;
        peer.close(1001, "over").expect("it may be sent");
    });
    let end = raw.json().await;
    assert_eq!((&end["params"]["subscription"], &end["params"]["error"]["code"]), (&id, &json!(-32001)));
    let late = raw.json().await["result"].clone();
    let end = raw.json().await;
    assert_eq!((&end["params"]["subscription"], &end["params"]["error"]["code"]), (&late, &json!(-32001)));
    assert_eq!(raw.hear().await, Heard::Close(1001, "over".into()));
    draining.await.expect("no panic");
    node.rest().await;
}

async fn with_their_connection_subscriptions_are_gone(join_by: Join) {
    for ending in ["close", "cut", "closed by us"] {
        let node = Node::default();
        let (mut raw, peer) = join_by.raw(None, node.side()).await;
        for kind in ["wait", "flood"] {
            assert!(raw.ask(&request(1, "slotSubscribe", json!([kind, 1]))).await["result"].is_u64());
            assert_eq!(raw.json().await["method"], "slotNotification");
        }
        raw.send([subscribe("slow", 9)]).await;
        match ending {
            "close" => raw.close(1000, "").await,
            "cut" => drop(raw),
            _ => peer.close(1000, "").expect("it may be sent"),
        }
        node.rest().await;
        peer.closed().await;
    }
}

async fn a_subscriber_that_does_not_read_stops_the_source(join_by: Join) {
    let node = Node::default();
    let side = node.side().limits(|limits| limits.max_queued_bytes = 10_000);
    let (mut raw, peer) = join_by.raw(None, side).await;
    let id = begun(&mut raw, subscribe("flood", u64::MAX)).await;
    let mut before = usize::MAX;
    while node.produced.load(Ordering::SeqCst) != before {
        before = node.produced.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
        if before > 0 && matches!(join_by, Join::Memory) {
            break; // whose peer takes all there is
        }
    }
    assert!(peer.buffered_amount() < 4 << 20, "{}", peer.buffered_amount());
    items(&mut raw, &id, 1000).await;
    raw.send([unsubscribe(&id)]).await;
    while raw.json().await["id"] != "off" {}
    node.rest().await;
    nothing(&mut raw).await;
}

#[rpc]
trait Jobs {
    #[rpc(subscription(notify = "job", unsubscribe = "unwatch"))]
    async fn watch(&self, cx: &Context, how: String) -> Result<Streaming<u64>, ErrorObject>;
    /// Has the same method to end it.
    #[rpc(subscription(notify = "other", unsubscribe = "unwatch"))]
    async fn others(&self) -> Result<Streaming<u64>, ErrorObject>;
}

#[derive(Clone, Default)]
struct Worker {
    heard: Arc<AtomicBool>,
    entered: Arc<AtomicBool>,
    finished: Arc<AtomicBool>,
    /// How often the shielded section was polled.
    polls: Arc<AtomicUsize>,
}

impl Jobs for Worker {
    async fn watch(&self, cx: &Context, how: String) -> Result<Streaming<u64>, ErrorObject> {
        if how == "block" {
            std::thread::sleep(Duration::from_millis(500));
        }
        let (cx, this) = (cx.clone(), self.clone());
        let watching = cx.clone();
        tokio::spawn(async move {
            watching.cancelled().await;
            this.heard.store(true, Ordering::SeqCst);
        });
        let (entered, finished) = (self.entered.clone(), self.finished.clone());
        let polls = self.polls.clone();
        Ok(Streaming::produce(move |out| async move {
            out.send(1).await?;
            if how == "shield" {
                let section = async {
                    entered.store(true, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    finished.store(true, Ordering::SeqCst);
                };
                let mut section = pin!(section);
                let counted = poll_fn(|task| {
                    polls.fetch_add(1, Ordering::SeqCst);
                    section.as_mut().poll(task)
                });
                cx.shield(counted).await;
            }
            std::future::pending().await
        }))
    }

    async fn others(&self) -> Result<Streaming<u64>, ErrorObject> {
        Ok(Streaming::produce(|_| std::future::pending()))
    }
}

async fn watched(join_by: Join, worker: &Worker, how: &str) -> crate::support::Raw {
    let (mut raw, _peer) = join_by.raw(None, Side::new(JobsServer::new(worker.clone()))).await;
    let id = begun(&mut raw, request(1, "watch", json!([how]))).await;
    assert_eq!(raw.json().await["params"], json!({"subscription": id, "result": 1}));
    assert!(!worker.heard.load(Ordering::SeqCst), "its call is over, and was not cancelled");
    if how == "shield" {
        heard(&worker.entered).await;
    }
    assert_eq!(raw.ask(&request(2, "unwatch", json!([id]))).await["result"], true);
    raw
}

async fn heard(flag: &AtomicBool) {
    while !flag.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn a_context_hears_that_its_subscriber_has_gone(join_by: Join) {
    let worker = Worker::default();
    let _raw = watched(join_by, &worker, "wait").await;
    heard(&worker.heard).await;
}

async fn a_shielded_section_outlives_an_unsubscribe(join_by: Join) {
    let worker = Worker::default();
    let mut raw = watched(join_by, &worker, "shield").await;
    heard(&worker.finished).await;
    let polls = worker.polls.load(Ordering::SeqCst);
    assert!(polls < 10, "it is polled when it can go on, not all the time: {polls}");
    let other = begun(&mut raw, request(3, "others", json!([]))).await;
    assert_eq!(raw.ask(&request(2, "unwatch", json!([other]))).await["result"], true);
}

// The handler blocks its thread in its first poll, so that the connection goes on in another task.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_its_thread_subscribes_too() {
    bounded(async {
        for is_batch in [false, true] {
            let worker = Worker::default();
            let (mut raw, _peer) = Join::Memory.raw(None, Side::new(JobsServer::new(worker))).await;
            let call = request(1, "watch", json!(["block"]));
            let other = request(2, "others", json!([]));
            let id = match is_batch {
                false => begun(&mut raw, call).await,
                true => {
                    let replies = raw.ask(&format!("[{call},{other}]")).await;
                    let replies = replies.as_array().expect("an array").clone();
                    replies.iter().find(|reply| reply["id"] == 1).expect("its reply")["result"].clone()
                }
            };
            assert_eq!(raw.json().await["params"], json!({"subscription": id, "result": 1}));
            assert_eq!(raw.ask(&request(2, "unwatch", json!([id]))).await["result"], true);
        }
    })
    .await;
}

/// What a layer does to the reply of a subscribe.
async fn meddle(call: IncomingCall, next: Next<Handler>) -> Result<Box<RawValue>, ErrorObject> {
    let how = call.params().map(|params| params.get().to_owned()).unwrap_or_default();
    let reply = next.run(call).await?;
    match how {
        how if how.contains("denied") => Err(ErrorObject::new(5, "denied")),
        how if how.contains("stuck") => std::future::pending().await,
        how if how.contains("forged") => Ok(RawValue::from_string("\"0x0\"".into()).expect("JSON")),
        _ => Ok(reply),
    }
}

async fn a_layer_sees_a_subscription_until_its_reply(join_by: Join) {
    let node = Node::default();
    let router = Router::new().service(EthServer::new(node.clone())).layer(from_fn(meddle));
    let (mut raw, peer) = join_by.raw(None, Side::new(router)).await;
    assert_eq!(raw.ask(&subscribe("denied", 9)).await["error"]["code"], 5);
    node.rest().await;
    assert_eq!(raw.ask(&subscribe("forged", 9)).await["result"], "0x0");
    node.rest().await;
    nothing(&mut raw).await;
    let id = begun(&mut raw, subscribe("wait", 3)).await;
    items(&mut raw, &id, 3).await;
    assert_eq!(raw.ask(&unsubscribe(&id)).await["result"], true);
    raw.send([subscribe("stuck", 9)]).await;
    nothing(&mut raw).await;
    drop(raw);
    peer.closed().await;
    node.rest().await;
}

#[tokio::test]
async fn a_runtime_that_ends_leaves_no_stream() {
    let node = Node::default();
    let served = node.clone();
    let own = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let (mut raw, _peer) = Join::Memory.raw(None, served.side()).await;
            begun(&mut raw, subscribe("wait", 0)).await;
            raw.send([subscribe("slow", 3)]).await;
        });
        drop(runtime);
    });
    tokio::task::spawn_blocking(|| own.join().expect("no panic")).await.expect("no panic");
    assert_eq!(node.live.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn subscriptions_of_one_router_may_share_the_method_that_ends_them() {
    let jobs = || JobsServer::new(Worker::default());
    let mut methods: Vec<_> = Router::new().service(jobs()).methods().map(String::from).collect();
    methods.sort();
    assert_eq!(methods, ["others", "unwatch", "watch"]);
    let alone = Router::new().method("unwatch", |_: Context, ()| async { Ok::<_, ErrorObject>(()) });
    let duplicate = alone.service(jobs()).check();
    assert_eq!(duplicate.map_err(|duplicate| duplicate.method), Err("unwatch".into()));
    let router = Router::new().nest("a_", jobs()).nest("b_", jobs()).merge(jobs());
    assert_eq!(router.check(), Ok(()));
    let (mut raw, _peer) = Join::Memory.raw(None, Side::new(router)).await;
    let id = begun(&mut raw, request(1, "a_watch", json!(["wait"]))).await;
    let first: Value = raw.json().await;
    assert_eq!((&first["method"], &first["params"]["subscription"]), (&json!("a_job"), &id));
    for (method, ends) in [("unwatch", false), ("b_unwatch", false), ("a_unwatch", true)] {
        assert_eq!(raw.ask(&request(1, method, json!([id]))).await["result"], ends, "{method}");
    }
}
