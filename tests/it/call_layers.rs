//! Layers around outgoing calls: what they see, that they may send a call several times or not at all, and
//! that calls with layers end like calls without.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use birpc::middleware::{BoxError, Caller, Next, OutgoingCall, from_fn};
use birpc::{CallError, Client, Context, ErrorObject, Peer, RawValue, Router, RpcError, rpc};
use futures_util::FutureExt;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use tower::retry::{Policy, RetryLayer};
use tower::timeout::TimeoutLayer;

use crate::support::{Join, NoParams, Pair, Record, Side, hanging, listen, over_both};

over_both! {
    the_layer_that_is_added_last_is_the_outermost
    a_retry_of_towers_sends_a_call_again
    a_typed_error_comes_back_typed
    a_layer_changes_params_and_results
    a_layer_may_answer_by_itself
    an_error_of_a_layer_tells_what_it_was
    a_dropped_call_is_cancelled_behind_its_layer
    a_handle_cancels_a_call_behind_its_layer
    notifications_go_through_layers
    a_layer_changes_and_withholds_notifications
    batches_and_encoded_notifications_pass_layers_by
    what_cannot_be_sent_never_starts
}

type Called = Result<Box<RawValue>, CallError>;

/// `flaky` fails twice and then returns the number of its calls, `echo` returns its params.
fn flaky() -> Router {
    let calls = Arc::new(AtomicUsize::new(0));
    Router::new()
        .method("flaky", move |_: Context, _: NoParams| {
            let calls = calls.fetch_add(1, Ordering::Relaxed) + 1;
            async move { if calls > 2 { Ok(calls) } else { Err(ErrorObject::new(503, "try again")) } }
        })
        .method("echo", |_: Context, params: Value| async move { Ok::<_, ErrorObject>(params) })
}

async fn joined(join_by: Join) -> Pair {
    join_by.peers(Side::default(), Side::new(flaky())).await
}

fn noted(peer: Peer, name: &'static str, record: &Record<String>) -> Peer {
    let record = record.clone();
    peer.layer(from_fn(move |call: OutgoingCall, next: Next<Caller>| {
        let record = record.clone();
        async move {
            record.push(format!("{name}: {}", call.method()));
            let called = next.run(call).await;
            record.push(format!("{name}: {}", if called.is_ok() { "ok" } else { "failed" }));
            called
        }
    }))
}

async fn the_layer_that_is_added_last_is_the_outermost(join_by: Join) {
    let (pair, record) = (joined(join_by).await, Record::default());
    let peer = noted(noted(pair.client.clone(), "inner", &record), "outer", &record);
    assert_eq!(peer.call("echo", (1,)).await, Ok(json!([1])));
    assert_eq!(record.take(), ["outer: echo", "inner: echo", "inner: ok", "outer: ok"]);
    assert!(peer.clone().call::<u64>("flaky", ()).await.is_err());
    assert_eq!(record.take(), ["outer: flaky", "inner: flaky", "inner: failed", "outer: failed"]);
    assert_eq!(pair.client.call("echo", (1,)).await, Ok(json!([1])), "the handle without layers");
    assert!(record.take().is_empty());
}

#[derive(Clone)]
struct TryAgain {
    left: usize,
}

impl Policy<OutgoingCall, Box<RawValue>, CallError> for TryAgain {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut OutgoingCall, called: &mut Called) -> Option<Ready<()>> {
        let transient = matches!(called, Err(CallError::Method(error)) if error.code() == 503);
        (transient && self.left > 0).then(|| {
            self.left -= 1;
            ready(())
        })
    }

    fn clone_request(&mut self, call: &OutgoingCall) -> Option<OutgoingCall> {
        Some(call.clone())
    }
}

async fn a_retry_of_towers_sends_a_call_again(join_by: Join) {
    let pair = joined(join_by).await;
    let once_more = pair.client.clone().layer(RetryLayer::new(TryAgain { left: 1 }));
    let failed = once_more.call::<u64>("flaky", ()).await;
    assert_eq!(failed, Err(CallError::Method(ErrorObject::new(503, "try again"))), "the second time too");
    assert_eq!(once_more.call::<u64>("flaky", ()).await, Ok(3));
    assert_eq!(pair.client.in_flight(), 0);
}

#[derive(Debug, PartialEq, thiserror::Error, RpcError)]
#[error("no room {name}")]
#[rpc(code = 4)]
struct NoRoom {
    name: String,
}

#[rpc]
trait Rooms {
    async fn enter(&self, name: String) -> Result<(), NoRoom>;
}

struct Nowhere;

impl Rooms for Nowhere {
    async fn enter(&self, name: String) -> Result<(), NoRoom> {
        Err(NoRoom { name })
    }
}

async fn a_typed_error_comes_back_typed(join_by: Join) {
    let server = Side::new(Router::new().service(RoomsServer::new(Nowhere)));
    let (pair, record) = (join_by.peers(Side::default(), server).await, Record::default());
    let rooms: RoomsClient = noted(pair.client.clone(), "layer", &record).stub();
    let entered = rooms.enter("lobby".into()).await;
    assert_eq!(entered, Err(CallError::Method(NoRoom { name: "lobby".into() })));
    assert_eq!(record.take(), ["layer: enter", "layer: failed"]);
    let unknown =
        noted(pair.server.clone(), "layer", &record).stub::<RoomsClient>().enter("lobby".into()).await;
    assert!(matches!(unknown, Err(CallError::Rpc(error)) if error.code() == -32601));
}

async fn a_layer_changes_params_and_results(join_by: Join) {
    let pair = joined(join_by).await;
    let peer = pair.client.clone().layer(from_fn(async |mut call: OutgoingCall, next: Next<Caller>| {
        let params = to_raw_value(&("token", call.params())).expect("JSON");
        call.set_params(Some(params));
        assert_eq!(call.peer().in_flight(), 0);
        let result = next.run(call).await?;
        Ok::<_, CallError>(to_raw_value(&json!({ "echoed": result })).expect("JSON"))
    }));
    assert_eq!(peer.call("echo", (1,)).await, Ok(json!({ "echoed": ["token", [1]] })));
    assert_eq!(peer.call("echo", ()).await, Ok(json!({ "echoed": ["token", null] })));
    assert!(matches!(peer.call::<u64>("echo", ()).await, Err(CallError::Undecodable(_))));
}

async fn a_layer_may_answer_by_itself(join_by: Join) {
    let pair = joined(join_by).await;
    let cached = pair.client.clone().layer(from_fn(async |_: OutgoingCall, _: Next<Caller>| {
        Ok::<_, CallError>(to_raw_value(&7).expect("JSON"))
    }));
    assert_eq!(cached.call::<u64>("no such method", ()).await, Ok(7));
}

async fn an_error_of_a_layer_tells_what_it_was(join_by: Join) {
    let pair = joined(join_by).await;
    let failing = |error: fn() -> BoxError| {
        let layer = from_fn(move |_: OutgoingCall, _: Next<Caller>| ready(Err::<Box<RawValue>, _>(error())));
        pair.client.clone().layer(layer)
    };
    let no_funds = failing(|| "out of funds".into());
    let failed = no_funds.call::<u64>("echo", ()).await;
    assert_eq!(failed, Err(CallError::Layer("out of funds".into())));
    let refused = failing(|| ErrorObject::new(4, "not today").into());
    let failed = refused.call::<u64>("echo", ()).await;
    assert_eq!(failed, Err(CallError::Method(ErrorObject::new(4, "not today"))));
    let gave_up = failing(|| CallError::<ErrorObject>::TimedOut.into());
    assert_eq!(gave_up.call::<u64>("echo", ()).await, Err(CallError::TimedOut));
}

async fn a_dropped_call_is_cancelled_behind_its_layer(join_by: Join) {
    let (router, mut handler) = hanging();
    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    let peer = noted(pair.client.clone(), "layer", &Record::default());
    {
        let mut call = Box::pin(peer.call::<()>("hang", ()));
        assert!(call.as_mut().now_or_never().is_none());
        handler.began.recv().await.expect("the handler runs");
        assert_eq!(pair.client.in_flight(), 1);
    }
    assert_eq!(pair.client.in_flight(), 0);
    handler.dropped.recv().await.expect("the handler is dropped");
}

async fn a_handle_cancels_a_call_behind_its_layer(join_by: Join) {
    let (router, mut handler) = hanging();
    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    let record = Record::default();
    let peer = noted(pair.client.clone(), "layer", &record);
    let (early, late) = (peer.call::<()>("hang", ()), peer.call::<()>("hang", ()));
    early.handle().cancel();
    assert_eq!(early.await, Err(CallError::Cancelled));
    assert!(record.take().is_empty(), "it never started");

    let handle = late.handle();
    let call = tokio::spawn(late);
    handler.began.recv().await.expect("the handler runs");
    handle.cancel();
    assert_eq!(call.await.expect("no panic"), Err(CallError::Cancelled));
    handler.dropped.recv().await.expect("the handler is dropped");
    assert_eq!(pair.client.in_flight(), 0);

    // This includes a handle that was made while the call was already awaited.
    let mut call = Box::pin(peer.call::<()>("hang", ()));
    assert!(call.as_mut().now_or_never().is_none());
    call.handle().cancel();
    assert_eq!(call.await, Err(CallError::Cancelled));
}

async fn notifications_go_through_layers(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let record = Record::default();
    let peer = noted(noted(peer, "inner", &record), "outer", &record);
    let through = |method: &str| {
        [("outer", method), ("inner", method), ("inner", "ok"), ("outer", "ok")]
            .map(|(layer, what)| format!("{layer}: {what}"))
    };
    peer.notify("said", (1,)).await.expect("it is sent");
    assert_eq!(raw.json().await, json!({"jsonrpc": "2.0", "method": "said", "params": [1]}));
    assert_eq!(record.take(), through("said"));
    peer.call::<()>("called", (2,)).notify().await.expect("it is sent");
    assert_eq!(raw.json().await, json!({"jsonrpc": "2.0", "method": "called", "params": [2]}));
    assert_eq!(record.take(), through("called"));
    peer.stub::<RoomsClient>().enter("lobby".into()).notify().await.expect("it is sent");
    assert_eq!(raw.json().await, json!({"jsonrpc": "2.0", "method": "enter", "params": ["lobby"]}));
    assert_eq!(record.take(), through("enter"));

    drop(peer.notify("never polled", ()));
    let never = peer.notify("said", std::collections::HashMap::from([((1, 2), 3)])).await;
    assert!(matches!(never, Err(CallError::Unsendable(_))), "{never:?}");
    assert!(record.take().is_empty(), "neither has begun");
}

async fn a_layer_changes_and_withholds_notifications(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let peer = peer.layer(from_fn(async |mut call: OutgoingCall, next: Next<Caller>| {
        assert!(call.is_notification());
        match call.method() {
            "withheld" => Ok(to_raw_value(&7).expect("JSON")),
            "refused" => Err(CallError::Layer("not today".into())),
            _ => {
                call.set_params(Some(to_raw_value(&("token", call.params())).expect("JSON")));
                let sent = next.run(call.clone()).await?;
                assert_eq!(sent.get(), "null");
                next.run(call).await
            }
        }
    }));
    peer.notify("withheld", (1,)).await.expect("the layer says so");
    assert_eq!(peer.notify("refused", (2,)).await, Err(CallError::Layer("not today".into())));
    peer.notify("twice", (3,)).await.expect("it is sent");
    for _ in 0..2 {
        let twice = json!({"jsonrpc": "2.0", "method": "twice", "params": ["token", [3]]});
        assert_eq!(raw.json().await, twice);
    }
}

async fn batches_and_encoded_notifications_pass_layers_by(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let record = Record::default();
    let peer = noted(peer, "layer", &record);
    let mut batch = peer.batch();
    let _call = batch.call::<()>("gathered", ());
    batch.notify("gathered too", (1,));
    batch.send().await.expect("it is sent");
    let sent = raw.json().await;
    assert_eq!((&sent[0]["method"], &sent[1]["params"]), (&json!("gathered"), &json!([1])));
    let encoded = peer.notify("encoded", (2,)).encode().expect("it serialises");
    assert!(peer.try_notify(&encoded).expect("it is short"));
    assert_eq!(raw.json().await, json!({"jsonrpc": "2.0", "method": "encoded", "params": [2]}));
    assert!(record.take().is_empty());
}

async fn what_cannot_be_sent_never_starts(join_by: Join) {
    let pair = joined(join_by).await;
    let record = Record::default();
    let peer = noted(pair.client.clone(), "layer", &record);
    let unsendable = peer.call::<()>("echo", std::collections::HashMap::from([((1, 2), 3)])).await;
    assert!(matches!(unsendable, Err(CallError::Unsendable(_))), "{unsendable:?}");
    assert!(record.take().is_empty());
    // Params that are neither an array nor an object are detected behind the layers, which may change them.
    assert!(matches!(peer.call::<()>("echo", 5).await, Err(CallError::Unsendable(_))));
    assert_eq!(record.take(), ["layer: echo", "layer: failed"]);
}

// The timeout of a handle applies to each request, that of a layer to everything behind it.
#[tokio::test(start_paused = true)]
async fn timeouts_bound_what_is_behind_them() {
    async fn twice(call: OutgoingCall, next: Next<Caller>) -> Called {
        match next.run(call.clone()).await {
            Err(CallError::TimedOut) => next.run(call).await,
            called => called,
        }
    }
    let (router, mut handler) = hanging();
    let pair = Join::Memory.peers(Side::default(), Side::new(router)).await;
    let retrying = pair.client.clone().layer(from_fn(twice)).with_timeout(Duration::from_secs(5));
    let began = tokio::time::Instant::now();
    assert_eq!(retrying.call::<()>("hang", ()).await, Err(CallError::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 10);

    let bounded = retrying.layer(TimeoutLayer::new(Duration::from_secs(7)));
    assert!(matches!(bounded.call::<()>("hang", ()).await, Err(CallError::Layer(_))));
    assert_eq!(began.elapsed().as_secs(), 17);
    let shorter = bounded.call::<()>("hang", ()).with_timeout(Duration::from_secs(1));
    assert_eq!(shorter.await, Err(CallError::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 19);
    for _ in 0..6 {
        handler.dropped.recv().await.expect("each handler is dropped");
    }
    assert_eq!(pair.client.in_flight(), 0);
}

#[tokio::test]
async fn a_client_has_layers_from_its_builder() {
    let record = Record::default();
    let (inner, outer) = (record.clone(), record.clone());
    let listening = listen(Side::new(flaky())).await;
    let client = Client::builder()
        .layer(from_fn(move |call: OutgoingCall, next: Next<Caller>| {
            inner.push("inner");
            next.run(call)
        }))
        .layer(from_fn(move |call: OutgoingCall, next: Next<Caller>| {
            outer.push("outer");
            next.run(call)
        }))
        .connect(&listening.url())
        .await
        .expect("the server is there");
    assert_eq!(client.peer().call("echo", (1,)).await, Ok(json!([1])));
    assert_eq!(record.take(), ["outer", "inner"]);
}

#[tokio::test]
async fn a_client_that_reconnects_has_layers_too() {
    let record = Record::default();
    let log = record.clone();
    let listening = listen(Side::new(flaky())).await;
    let client = Client::builder()
        .reconnect(birpc::Reconnect::default())
        .layer(from_fn(move |call: OutgoingCall, next: Next<Caller>| {
            log.push((call.method().to_owned(), call.is_idempotent()));
            next.run(call)
        }))
        .connect(&listening.url())
        .await
        .expect("the server is there");
    assert_eq!(client.peer().call("echo", (1,)).await, Ok(json!([1])));
    assert_eq!(client.peer().call("echo", (2,)).idempotent().await, Ok(json!([2])));
    assert_eq!(record.take(), [("echo".to_owned(), false), ("echo".to_owned(), true)]);
}
