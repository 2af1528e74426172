//! Peers whose JSON-RPC is unusual, or that also send other messages.

use std::sync::{Arc, Mutex};

use birpc::{CloseReason, Context, ErrorObject, Peer, PeerId, Router};
use serde_json::{Value, json};

use crate::support::{Join, NoParams, Side, bounded, over_both};

over_both! {
    null_params_are_no_params
    a_message_without_its_version_is_served_by_who_is_lenient
    what_is_no_json_rpc_goes_to_its_hook_and_is_not_answered
    a_hook_that_panics_ends_nothing
}

fn none() -> Router {
    let router = Router::new().method("none", |_: Context, (): ()| async { Ok::<_, ErrorObject>("none") });
    router.method("optional", |_: Context, param: Option<i64>| async move { Ok::<_, ErrorObject>(param) })
}

async fn null_params_are_no_params(join: Join) {
    let logged = Arc::new(Mutex::new(0));
    let count = logged.clone();
    let router = none().notification("log", move |_: Context, _: NoParams| {
        *count.lock().expect("no panic") += 1;
        async {}
    });
    let (mut raw, _peer) = join.raw(None, Side::new(router)).await;
    raw.send([r#"{"jsonrpc":"2.0","method":"log","params":null}"#]).await;
    for params in ["null", "[]", "[null]", "{}"] {
        let request = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"none","params":{params}}}"#);
        assert_eq!(bounded(raw.ask(&request)).await["result"], "none", "{params}");
        assert_eq!(bounded(raw.ask(&format!("[{request}]"))).await[0]["result"], "none", "{params}");
    }
    let answer = bounded(raw.ask(r#"{"jsonrpc":"2.0","id":1,"method":"optional","params" : null }"#)).await;
    assert_eq!(answer["result"], Value::Null);
    assert_eq!(*logged.lock().expect("no panic"), 1);
}

async fn a_message_without_its_version_is_served_by_who_is_lenient(join: Join) {
    let (mut raw, peer) =
        join.raw(None, Side::new(none()).config(|config| config.lenient_version = true)).await;
    for request in [
        r#"{"id":1,"method":"none"}"#,
        r#"{"id":1,"method":"none","jsonrpc":"1.0"}"#,
        r#"{"id":1,"method":"none","jsonrpc":2.0}"#,
    ] {
        assert_eq!(bounded(raw.ask(request)).await, json!({"jsonrpc": "2.0", "id": 1, "result": "none"}));
    }
    let call = tokio::spawn(peer.call::<i64>("number", ()));
    let id = bounded(raw.json()).await["id"].clone();
    raw.send([json!({"id": id, "result": 7}).to_string()]).await;
    assert_eq!(bounded(call).await.expect("no panic"), Ok(7));
    let (mut raw, _peer) = join.raw(None, Side::new(none())).await;
    assert_eq!(bounded(raw.ask(r#"{"id":1,"method":"none"}"#)).await["error"]["code"], -32600);
}

async fn what_is_no_json_rpc_goes_to_its_hook_and_is_not_answered(join: Join) {
    let heard: Arc<Mutex<Vec<(PeerId, String)>>> = Arc::default();
    let hear = heard.clone();
    let router = none().on_other_message(move |peer: &Peer, text: &str| {
        hear.lock().expect("no panic").push((peer.id(), text.to_owned()));
    });
    let (mut raw, peer) = join.raw(None, Side::new(router)).await;
    let others = [
        r#"{"notification":"tick","params":[1]}"#,
        r#"{"event":"track_playback_started","id":5}"#,
        "hello there",
        "17",
        r#"[1,"realm1",{}]"#,
    ];
    raw.send(others).await;
    raw.send((0..20).map(|_| "not JSON either")).await;
    // An array with some JSON-RPC is a batch, and its other elements go to the hook one by one.
    let answer = bounded(raw.ask(r#"[{"event":"x"},{"jsonrpc":"2.0","id":1,"method":"none"}]"#)).await;
    assert_eq!(answer, json!([{"jsonrpc": "2.0", "id": 1, "result": "none"}]));
    // An invalid request counts as a request.
    assert_eq!(bounded(raw.ask(r#"{"id":1,"method":"none"}"#)).await["error"]["code"], -32600);
    let heard = heard.lock().expect("no panic");
    assert!(heard.iter().all(|(id, _)| *id == peer.id()));
    let texts: Vec<&str> = heard.iter().map(|(_, text)| &**text).collect();
    assert_eq!(texts[..5], others);
    assert_eq!((texts.len(), texts[25]), (26, r#"{"event":"x"}"#));
}

async fn a_hook_that_panics_ends_nothing(join: Join) {
    let router = none().on_other_message(|_, _| panic!("the hook"));
    let (mut raw, peer) = join.raw(None, Side::new(router)).await;
    raw.send(["{}"]).await;
    let answer = bounded(raw.ask(r#"{"jsonrpc":"2.0","id":1,"method":"none"}"#)).await;
    assert_eq!((&answer["result"], peer.close_reason()), (&json!("none"), None::<CloseReason>));
}
