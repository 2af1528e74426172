//! A faulty handler affects only its own call, and its peer gets no internal details.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};

use birpc::{CallError, Context, ErrorObject, Router};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use tokio::task::yield_now;

use crate::support::{Join, NoParams, Side, code, over_both};

over_both! {
    a_panic_is_an_internal_error_and_harms_nobody_else
    a_panic_in_a_notification_harms_nobody
    a_panic_while_a_cancelled_handler_is_dropped_harms_nobody
    params_that_do_not_serialise_are_unsendable
    a_result_that_does_not_serialise_is_an_internal_error
    error_replies_hold_neither_inner_detail_nor_what_was_sent
    a_method_that_takes_nothing_is_called_with_nothing
}

const SECRET: &str = "hunter2";

/// Panics when it is read.
struct Explosive;

impl<'de> Deserialize<'de> for Explosive {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("{SECRET}")
    }
}

/// Panics when it is dropped.
struct Mine;

impl Drop for Mine {
    fn drop(&mut self) {
        panic!("{SECRET}")
    }
}

/// The future of a result that panics when it is dropped, also after it is ready.
struct MinedFuture(Option<Mine>);

impl Future for MinedFuture {
    type Output = Result<i32, ErrorObject>;

    fn poll(self: Pin<&mut Self>, _: &mut Poller<'_>) -> Poll<Self::Output> {
        if self.0.is_some() { Poll::Ready(Ok(1)) } else { Poll::Pending }
    }
}

/// Cannot be serialised.
#[derive(Deserialize)]
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom(SECRET))
    }
}

fn panicking() -> Router {
    Router::new()
        .method("at once", |_, _: NoParams| async {
            if SECRET.len() == 7 {
                panic!("{SECRET}");
            }
            Ok::<_, ErrorObject>(1)
        })
        .method("before", |_, _: NoParams| -> std::future::Ready<Result<i32, ErrorObject>> {
            panic!("{SECRET}")
        })
        .method("later", |_, _: NoParams| async {
            yield_now().await;
            if SECRET.len() == 7 {
                std::panic::panic_any(Mine); // a payload that panics in turn
            }
            Ok::<_, ErrorObject>(1)
        })
        .method("params", |_, _: Explosive| async { Ok::<_, ErrorObject>(1) })
        .method("local", |_, _: NoParams| async {
            let _mine = Mine;
            yield_now().await;
            Ok::<_, ErrorObject>(1)
        })
        .method("ping", |_, _: NoParams| async {
            yield_now().await;
            Ok::<_, ErrorObject>(1)
        })
        .notification("told", |_, (waits,): (bool,)| async move {
            if waits {
                yield_now().await;
            }
            panic!("{SECRET}")
        })
        .method("mined", |_, (pending,): (bool,)| MinedFuture((!pending).then_some(Mine)))
        .method("mined and pending", |_, _: NoParams| async {
            let _mine = Mine;
            std::future::pending::<Result<i32, ErrorObject>>().await
        })
}

// The in-memory pair runs on one thread, the socket on several.
async fn a_panic_is_an_internal_error_and_harms_nobody_else(join_by: Join) {
    let (mut raw, _) = join_by.raw(Some("birpc.v1"), Side::new(panicking())).await;
    for method in ["at once", "before", "later", "params", "local"] {
        let panics = json!({"jsonrpc": "2.0", "method": method, "id": 1});
        let ping = json!({"jsonrpc": "2.0", "method": "ping", "id": 2});
        raw.send([ping.to_string(), panics.to_string()]).await;
        let replies = [raw.json().await, raw.json().await];
        let of = |id: i32| replies.iter().find(|reply| reply["id"] == id).expect("a reply");
        assert_eq!(of(2)["result"], 1, "{method}");
        let internal =
            json!({"code": -32603, "message": "Internal error", "data": {"kind": "internal_error"}});
        assert_eq!(of(1)["error"], internal, "{method}");
    }
    // The method itself succeeded; in either case there is one answer.
    raw.send([r#"{"jsonrpc":"2.0","method":"mined","params":[false],"id":3}"#]).await;
    assert_eq!(raw.json().await["id"], 3);
    assert_eq!(raw.ask(r#"{"jsonrpc":"2.0","method":"ping","id":4}"#).await["id"], 4);
}

async fn a_panic_in_a_notification_harms_nobody(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::new(panicking())).await;
    raw.send([
        r#"{"jsonrpc":"2.0","method":"told","params":[false]}"#,
        r#"{"jsonrpc":"2.0","method":"told","params":[true]}"#,
    ])
    .await;
    while raw.ask(r#"{"jsonrpc":"2.0","method":"ping","id":1}"#).await["result"] != 1 || peer.serving() > 0 {
        yield_now().await;
    }
}

async fn a_panic_while_a_cancelled_handler_is_dropped_harms_nobody(join_by: Join) {
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::new(panicking())).await;
    raw.send([
        r#"{"jsonrpc":"2.0","method":"mined and pending","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":1}}"#,
    ])
    .await;
    assert_eq!(raw.json().await["error"]["code"], -32800);
    assert_eq!(raw.ask(r#"{"jsonrpc":"2.0","method":"ping","id":2}"#).await["result"], 1);
    assert_eq!(peer.serving(), 0);
    raw.send([r#"{"jsonrpc":"2.0","method":"mined and pending","id":1}"#]).await;
    raw.close(1000, "").await; // drops another
    assert_eq!(raw.hear().await, crate::support::Heard::Close(1000, String::new()));
}

async fn params_that_do_not_serialise_are_unsendable(join_by: Join) {
    let pair = join_by.peers(Side::default(), Side::new(panicking())).await;
    let outcome = pair.client.call::<i32>("ping", [Unwritable]).await;
    assert!(
        matches!(&outcome, Err(CallError::Unsendable(why)) if why.to_string().contains(SECRET)),
        "{outcome:?}"
    );
    let keys = std::collections::HashMap::from([((1, 2), 3)]); // no JSON object has such keys
    assert!(matches!(pair.client.notify("told", keys).await, Err(CallError::Unsendable(_))));
    for scalar in [json!(1), json!("x"), json!(true)] {
        let outcome = pair.client.call::<i32>("ping", &scalar).await;
        assert!(matches!(outcome, Err(CallError::Unsendable(_))), "{scalar}");
    }
    assert_eq!(pair.client.in_flight(), 0);
    assert_eq!(pair.client.call::<i32>("ping", ()).await, Ok(1));
}

async fn a_result_that_does_not_serialise_is_an_internal_error(join_by: Join) {
    let router = Router::new()
        .method("at once", |_, _: NoParams| async { Ok::<_, ErrorObject>(vec![Unwritable]) })
        .method("later", |_, _: NoParams| async {
            yield_now().await;
            Ok::<_, ErrorObject>(vec![Unwritable])
        })
        .method("data", |_, _: NoParams| async {
            Err::<(), _>(ErrorObject::new(1, "message").with_data(&Unwritable))
        });
    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    for method in ["at once", "later"] {
        let outcome = pair.client.call::<Value>(method, ()).await;
        assert_eq!(code(&outcome), -32603);
        assert!(!format!("{outcome:?}").contains(SECRET), "{outcome:?}");
    }
    let outcome = pair.client.call::<()>("data", ()).await;
    assert_eq!(outcome, Err(CallError::Method(ErrorObject::new(1, "message"))));
}

#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[derive(Serialize, Deserialize, Debug)]
enum Color {
    Red,
}

async fn error_replies_hold_neither_inner_detail_nor_what_was_sent(join_by: Join) {
    let router = panicking()
        .method("typed", |_, _: (i64, Color)| async { Ok::<_, ErrorObject>(1) })
        .method("empty", |_, _: Empty| async { Ok::<_, ErrorObject>(1) })
        .method("relay", |cx: Context, _: NoParams| async move {
            Ok::<i32, ErrorObject>(cx.peer().call("unknown", [Unwritable]).await?)
        });
    let (mut raw, _) = join_by.raw(None, Side::new(router)).await;
    let requests = [
        json!({"method": "typed", "params": [SECRET, "Red"]}),
        json!({"method": "typed", "params": [1, SECRET]}),
        json!({"method": "typed", "params": [format!("{SECRET}, expected {SECRET}"), "Red"]}),
        json!({"method": "typed", "params": {SECRET: 1}}),
        json!({"method": "empty", "params": {SECRET: 1}}),
        json!({"method": 1, "params": [SECRET]}),
        json!({"method": "typed", "params": SECRET}),
        json!({"method": "at once"}),
        json!({"method": "relay"}),
    ];
    for mut request in requests {
        request["jsonrpc"] = json!("2.0");
        request["id"] = json!(1);
        let reply = raw.ask(&request.to_string()).await;
        assert!(reply["error"]["code"].as_i64().is_some_and(|code| code < -32000), "{reply}");
        assert!(!reply.to_string().contains(SECRET), "{request} is answered with {reply}");
    }
}

async fn a_method_that_takes_nothing_is_called_with_nothing(join_by: Join) {
    let router = Router::new().method("nothing", |_, ()| async { Ok::<_, ErrorObject>(1) });
    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    assert_eq!(pair.client.call::<i32>("nothing", ()).await, Ok(1));
}
