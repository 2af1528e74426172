//! Layers around incoming calls: what they see, what they change, and that calls behind them are limited,
//! cancelled and answered like others.

use std::time::Duration;

use birpc::middleware::{BoxError, Handler, IncomingCall, Next, from_fn};
use birpc::{CallError, Context, ErrorObject, RawValue, Router};
use futures_util::FutureExt;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceBuilder;
use tower::buffer::BufferLayer;
use tower::limit::{ConcurrencyLimitLayer, RateLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;

use crate::support::{Join, NoParams, OnDrop, Pair, Record, Side, code, hanging, over_both};

over_both! {
    the_layer_that_is_added_last_is_the_outermost
    a_layer_logs_what_it_sees
    a_layer_refuses_by_a_value_of_the_connection
    a_layer_changes_params_and_results
    a_layer_that_fails_tells_the_caller_nothing_of_why
    a_panic_in_a_layer_is_an_internal_error
    a_cancelled_call_is_dropped_in_its_layer
    a_notification_goes_through_layers_and_is_not_answered
    a_batch_and_parked_calls_go_through_layers
    a_layer_that_calls_back_holds_no_slot
    ordered_methods_behind_layers_stay_ordered
    a_limit_of_towers_counts_over_all_methods
}

type Replied = Result<Box<RawValue>, ErrorObject>;

/// `double` doubles, `other` is a second method.
fn doubling() -> Router {
    Router::new()
        .method("double", |_: Context, (n,): (i64,)| async move { Ok::<_, ErrorObject>(n * 2) })
        .method("other", |_: Context, _: NoParams| async { Ok::<_, ErrorObject>(0) })
}

async fn served(join_by: Join, router: Router) -> Pair {
    join_by.peers(Side::default(), Side::new(router)).await
}

/// Puts a layer around the router that records when a call enters and leaves.
fn noted(router: Router, name: &'static str, record: &Record<String>) -> Router {
    let record = record.clone();
    router.layer(from_fn(move |call: IncomingCall, next: Next<Handler>| {
        let record = record.clone();
        async move {
            record.push(format!("into {name}"));
            let replied = next.run(call).await;
            record.push(format!("out of {name}"));
            replied
        }
    }))
}

async fn the_layer_that_is_added_last_is_the_outermost(join_by: Join) {
    let record = Record::default();
    let router = noted(noted(doubling(), "the inner", &record), "the outer", &record);
    let router = router.method("late", |_: Context, _: NoParams| async { Ok::<_, ErrorObject>(1) });
    let pair = served(join_by, router).await;
    assert_eq!(pair.client.call::<i64>("double", (4,)).await, Ok(8));
    assert_eq!(record.take(), ["into the outer", "into the inner", "out of the inner", "out of the outer"]);
    assert_eq!(pair.client.call::<i64>("late", ()).await, Ok(1));
    assert_eq!(code(&pair.client.call::<i64>("unknown", ()).await), -32601);
    assert!(record.take().is_empty(), "it was added behind the layers");
}

async fn a_layer_logs_what_it_sees(join_by: Join) {
    let record = Record::default();
    let log = record.clone();
    let router = doubling().layer(from_fn(move |call: IncomingCall, next: Next<Handler>| {
        let log = log.clone();
        async move {
            let (method, id, peer) = (call.method().to_owned(), call.id().cloned(), call.peer());
            let params = call.params().map(|params| params.get().to_owned());
            let replied = next.run(call).await;
            let outcome = replied.as_ref().map(|result| result.get().to_owned()).map_err(ErrorObject::code);
            log.push((method, id.is_some(), peer, params, outcome));
            replied
        }
    }));
    let pair = served(join_by, router).await;
    assert_eq!(pair.client.call::<i64>("double", (4,)).await, Ok(8));
    assert_eq!(code(&pair.client.call::<i64>("double", ("four",)).await), -32602);
    let entry = |params: &str, outcome: Result<&str, i64>| {
        ("double".to_owned(), true, pair.server.clone(), Some(params.to_owned()), outcome.map(str::to_owned))
    };
    assert_eq!(record.take(), [entry("[4]", Ok("8")), entry("[\"four\"]", Err(-32602))]);
}

/// The user who has logged in on a connection.
struct User(&'static str);

async fn authorize(call: IncomingCall, next: Next<Handler>) -> Replied {
    match call.get::<User>() {
        Some(user) if user.0 == "root" => next.run(call).await,
        _ => Err(ErrorObject::new(401, "log in first").with_data(call.method())),
    }
}

async fn a_layer_refuses_by_a_value_of_the_connection(join_by: Join) {
    let pair = served(join_by, doubling().layer(from_fn(authorize))).await;
    let refused = ErrorObject::new(401, "log in first").with_data("double");
    let double = || pair.client.call::<i64>("double", (4,));
    assert_eq!(double().await, Err(CallError::Method(refused.clone())));
    pair.server.insert(User("guest"));
    assert_eq!(double().await, Err(CallError::Method(refused)));
    pair.server.insert(User("root"));
    assert_eq!(double().await, Ok(8));
}

async fn a_layer_changes_params_and_results(join_by: Join) {
    let router = doubling().layer(from_fn(async |mut call: IncomingCall, next: Next<Handler>| {
        let params: Vec<Value> =
            serde_json::from_str(call.params().map_or("[]", RawValue::get)).expect("an array");
        call.set_params(to_raw_value(&params.get(1..)).ok());
        let result = next.run(call).await?;
        Ok::<_, ErrorObject>(to_raw_value(&json!({ "doubled": result })).expect("JSON"))
    }));
    let pair = served(join_by, router).await;
    assert_eq!(pair.client.call("double", ("token", 4)).await, Ok(json!({ "doubled": 8 })));
    let wrong = pair.client.call::<Value>("double", ("token", "four")).await;
    assert_eq!(code(&wrong), -32602, "what a layer leaves is decoded as what a caller sent");
}

const SECRET: &str = "hunter2";

async fn a_layer_that_fails_tells_the_caller_nothing_of_why(join_by: Join) {
    let router = doubling().layer(from_fn(async |_: IncomingCall, _: Next<Handler>| {
        Err::<Box<RawValue>, BoxError>(SECRET.into())
    }));
    let pair = served(join_by, router).await;
    let failed = pair.client.call::<i64>("double", (4,)).await;
    assert_eq!(code(&failed), -32603);
    assert!(!format!("{failed:?}").contains(SECRET));
}

async fn a_panic_in_a_layer_is_an_internal_error(join_by: Join) {
    async fn panics(call: IncomingCall, next: Next<Handler>) -> Replied {
        match call.params().map(RawValue::get) {
            Some("[1]") => panic!("{SECRET}, before the handler"),
            Some("[2]") => {
                tokio::task::yield_now().await;
                panic!("{SECRET}, later")
            }
            _ => next.run(call).await,
        }
    }
    let pair = served(join_by, doubling().layer(from_fn(panics))).await;
    for n in [1, 2] {
        let failed = pair.client.call::<i64>("double", (n,)).await;
        assert_eq!(code(&failed), -32603);
        assert!(!format!("{failed:?}").contains(SECRET));
    }
    assert_eq!(pair.client.call::<i64>("double", (4,)).await, Ok(8));
    assert_eq!(pair.server.serving(), 0);
}

async fn a_cancelled_call_is_dropped_in_its_layer(join_by: Join) {
    let (router, mut handler) = hanging();
    let (end, mut layer_dropped) = mpsc::unbounded_channel();
    let router = router.layer(from_fn(move |call: IncomingCall, next: Next<Handler>| {
        let guard = OnDrop::tell(&end);
        async move {
            let _guard = guard;
            next.run(call).await
        }
    }));
    let pair = served(join_by, router).await;
    {
        let mut call = Box::pin(pair.client.call::<()>("hang", ()));
        assert!(call.as_mut().now_or_never().is_none());
        handler.began.recv().await.expect("the handler runs");
    }
    handler.dropped.recv().await.expect("the handler is dropped");
    layer_dropped.recv().await.expect("and so is what is around it");
}

async fn a_notification_goes_through_layers_and_is_not_answered(join_by: Join) {
    let record = Record::default();
    let said = record.clone();
    let router = Router::new()
        .notification("say", move |_: Context, (line,): (String,)| {
            said.push(line);
            async {}
        })
        .layer(from_fn(async |call: IncomingCall, next: Next<Handler>| {
            if call.id().is_none() && call.params().is_some_and(|params| params.get().contains("rude")) {
                return Err(ErrorObject::new(1, "not here"));
            }
            next.run(call).await
        }));
    let router = noted(router, "the layer", &record);
    let (mut raw, _) = join_by.raw(None, Side::new(router)).await;
    raw.send([
        r#"{"jsonrpc":"2.0","method":"say","params":["rude"]}"#,
        r#"{"jsonrpc":"2.0","method":"say","params":["hello"]}"#,
        r#"{"jsonrpc":"2.0","method":"say","params":["rude, but asked for an answer"],"id":1}"#,
    ])
    .await;
    // A notification that arrives as a request is answered with null.
    assert_eq!(raw.json().await, json!({"jsonrpc": "2.0", "id": 1, "result": null}));
    assert_eq!(
        record.take(),
        [
            "into the layer",
            "out of the layer",
            "into the layer",
            "hello",
            "out of the layer",
            "into the layer",
            "rude, but asked for an answer",
            "out of the layer"
        ]
    );
}

async fn a_batch_and_parked_calls_go_through_layers(join_by: Join) {
    let router = Router::new().method("id", |cx: Context, _: NoParams| async move {
        tokio::task::yield_now().await; // so that the next is parked
        Ok::<_, ErrorObject>(cx.id().map(ToString::to_string))
    });
    let router = router.layer(from_fn(async |call: IncomingCall, next: Next<Handler>| {
        tokio::task::yield_now().await;
        let result = next.run(call).await?;
        Ok::<_, ErrorObject>(to_raw_value(&("layered", result)).expect("JSON"))
    }));
    let (mut raw, peer) = join_by.raw(None, Side::new(router).in_flight(2)).await;
    let requests: Vec<_> = (1..=4).map(|id| json!({"jsonrpc": "2.0", "method": "id", "id": id})).collect();
    raw.send([json!(requests).to_string()]).await;
    let mut replies: Vec<Value> = serde_json::from_value(raw.json().await).expect("an array");
    replies.sort_by_key(|reply| reply["id"].as_u64());
    for (reply, id) in replies.iter().zip(1..) {
        assert_eq!(*reply, json!({"jsonrpc": "2.0", "id": id, "result": ["layered", id.to_string()]}));
    }
    assert_eq!((replies.len(), peer.serving()), (4, 0));
}

// A layer that calls back holds no slot either.
async fn a_layer_that_calls_back_holds_no_slot(join_by: Join) {
    let ask = from_fn(async |call: IncomingCall, next: Next<Handler>| {
        let name: String = call.peer().call("name", ()).await?;
        assert_eq!(name, "the client");
        next.run(call).await.map_err(CallError::Method)
    });
    let name = |_: Context, _: NoParams| async { Ok::<_, ErrorObject>("the client") };
    let client = Side::new(Router::new().method("name", name)).in_flight(1);
    let pair = join_by.peers(client, Side::new(doubling().layer(ask)).in_flight(1)).await;
    let calls = (0..4).map(|n| pair.client.call::<i64>("double", (n,)));
    let doubled = futures_util::future::join_all(calls).await;
    assert_eq!(doubled, [Ok(0), Ok(2), Ok(4), Ok(6)]);
}

async fn ordered_methods_behind_layers_stay_ordered(join_by: Join) {
    let record = Record::default();
    let edits = record.clone();
    let edit = move |_: Context, (n,): (u64,)| {
        let edits = edits.clone();
        async move {
            edits.push(format!("edit {n}"));
            tokio::task::yield_now().await;
            Ok::<_, ErrorObject>(())
        }
    };
    let router = noted(Router::new().method("edit", edit), "within", &record);
    let pair = served(join_by, noted(Router::new().ordered(router), "around", &record)).await;
    let edits = (0..3).map(|n| pair.client.call::<()>("edit", (n,)));
    assert_eq!(futures_util::future::join_all(edits).await, [Ok(()), Ok(()), Ok(())]);
    let expected: Vec<_> = (0..3)
        .flat_map(|n| {
            let edit = format!("edit {n}");
            ["into around", "into within", &edit, "out of within", "out of around"].map(str::to_owned)
        })
        .collect();
    assert_eq!(record.take(), expected);
}

async fn a_limit_of_towers_counts_over_all_methods(join_by: Join) {
    let (router, mut handler) = hanging();
    let busy = |_: BoxError| ErrorObject::new(17, "busy");
    let one_at_a_time =
        ServiceBuilder::new().map_err(busy).layer(LoadShedLayer::new()).layer(ConcurrencyLimitLayer::new(1));
    let router = router
        .method("double", |_: Context, (n,): (i64,)| async move { Ok::<_, ErrorObject>(n * 2) })
        .layer(one_at_a_time);
    let pair = served(join_by, router).await;
    let mut hang = Box::pin(pair.client.call::<()>("hang", ()));
    assert!(hang.as_mut().now_or_never().is_none());
    handler.began.recv().await.expect("the handler runs");
    assert_eq!(code(&pair.client.call::<i64>("double", (4,)).await), 17);
    drop(hang);
    handler.dropped.recv().await.expect("the handler is dropped");
    // Its permit is released with its future, possibly a moment later.
    while code(&pair.client.call::<i64>("double", (4,)).await) == 17 {}
    assert_eq!(pair.client.call::<i64>("double", (4,)).await, Ok(8));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_towers_drops_the_handler() {
    let (router, mut handler) = hanging();
    let router = router.layer(TimeoutLayer::new(Duration::from_secs(3)));
    let pair = served(Join::Memory, router).await;
    let began = tokio::time::Instant::now();
    assert_eq!(code(&pair.client.call::<()>("hang", ()).await), -32603);
    assert_eq!(began.elapsed().as_secs(), 3);
    handler.dropped.recv().await.expect("the handler is dropped");
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_of_towers_makes_calls_wait() {
    let limit = ServiceBuilder::new()
        .layer(BufferLayer::new(16))
        .layer(RateLimitLayer::new(2, Duration::from_secs(10)));
    let pair = served(Join::Memory, doubling().layer(limit)).await;
    let began = tokio::time::Instant::now();
    let mut waited = Vec::new();
    for (method, params) in [("double", json!([1])), ("other", json!([])), ("double", json!([2]))] {
        pair.client.call::<i64>(method, params).await.expect("it is only late");
        waited.push(began.elapsed().as_secs());
    }
    assert_eq!(waited, [0, 0, 10], "over both methods");
}
