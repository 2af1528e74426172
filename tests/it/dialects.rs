//! The cancel message belongs to the dialect: LSP's, MCP's or the application's own.

use birpc::{Dialect, ErrorObject, Peer};
use serde_json::{Value, json};

use crate::support::{Hanging, Join, NoParams, Raw, Side, hanging, over_both};

over_both! {
    lsp_cancels_and_answers
    mcp_cancels_and_does_not_answer
    mcp_does_not_answer_what_waits_its_turn
    mcp_leaves_a_batch_without_what_was_cancelled
    an_application_has_words_of_its_own
    birpc_v1_keeps_its_own_word
    a_dropped_call_is_cancelled_in_the_dialect
}

fn side(dialect: Dialect) -> (Side, Hanging) {
    let (router, hanging) = hanging();
    let router = router.method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>("pong") });
    (Side::new(router).config(|config| config.dialect = dialect), hanging)
}

fn request(method: &str, id: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "id": id})
}

fn notification(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

fn pong(id: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": "pong"})
}

async fn send(raw: &mut Raw, messages: impl IntoIterator<Item = Value>) {
    raw.send(messages.into_iter().map(|message| message.to_string())).await;
}

/// Starts a handler, and cancels it.
async fn cancelled(join_by: Join, dialect: Dialect, cancel: Value) -> (Raw, Peer) {
    let (side, mut hanging) = side(dialect);
    let (mut raw, peer) = join_by.raw(None, side).await;
    send(&mut raw, [request("hang", &json!("a"))]).await;
    hanging.began.recv().await.expect("it began");
    send(&mut raw, [cancel]).await;
    hanging.dropped.recv().await.expect("it was dropped");
    (raw, peer)
}

fn assert_cancelled(answer: &Value, id: &Value) {
    assert_eq!((&answer["id"], &answer["error"]["code"]), (id, &json!(-32800)));
}

/// Until no calls are being served, the only messages are the answers to this request.
async fn assert_silence(raw: &mut Raw, peer: &Peer) {
    loop {
        send(raw, [request("ping", &json!("b"))]).await;
        assert_eq!(raw.json().await, pong("b"));
        if peer.serving() == 0 {
            return;
        }
    }
}

async fn lsp_cancels_and_answers(join_by: Join) {
    let cancel = notification("$/cancelRequest", &json!({"id": "a"}));
    let (mut raw, _) = cancelled(join_by, Dialect::lsp(), cancel).await;
    assert_cancelled(&raw.json().await, &json!("a"));
}

async fn mcp_cancels_and_does_not_answer(join_by: Join) {
    let params = json!({"requestId": "a", "reason": "the user pressed stop"});
    let cancel = notification("notifications/cancelled", &params);
    let (mut raw, peer) = cancelled(join_by, Dialect::mcp(), cancel).await;
    assert_silence(&mut raw, &peer).await;
}

async fn mcp_does_not_answer_what_waits_its_turn(join_by: Join) {
    let (side, mut hanging) = side(Dialect::mcp());
    let (mut raw, peer) = join_by.raw(None, side.in_flight(1)).await;
    send(&mut raw, [request("hang", &json!(1)), request("hang", &json!(2))]).await;
    hanging.began.recv().await.expect("the first began");
    let cancel = |id: u64| notification("notifications/cancelled", &json!({"requestId": id}));
    send(&mut raw, [cancel(2), cancel(1)]).await;
    hanging.dropped.recv().await.expect("the first was dropped");
    assert_silence(&mut raw, &peer).await;
    assert!(hanging.began.try_recv().is_err(), "the second never ran");
}

async fn mcp_leaves_a_batch_without_what_was_cancelled(join_by: Join) {
    let (side, mut hanging) = side(Dialect::mcp());
    let (mut raw, _) = join_by.raw(None, side).await;
    send(&mut raw, [json!([request("hang", &json!(1)), request("ping", &json!("b"))])]).await;
    hanging.began.recv().await.expect("it began");
    send(&mut raw, [notification("notifications/cancelled", &json!({"requestId": 1}))]).await;
    assert_eq!(raw.json().await, json!([pong("b")]));
}

async fn an_application_has_words_of_its_own(join_by: Join) {
    let abort = || notification("job.abort", &json!({"job": "a"}));
    let own = Dialect::plain().cancel_method("job.abort", "job");
    let (mut raw, _) = cancelled(join_by, own.clone(), abort()).await;
    assert_cancelled(&raw.json().await, &json!("a"));
    let (mut raw, peer) = cancelled(join_by, own.without_cancel_reply(), abort()).await;
    assert_silence(&mut raw, &peer).await;
}

async fn birpc_v1_keeps_its_own_word(join_by: Join) {
    let (side, mut hanging) = side(Dialect::lsp());
    let (mut raw, _) = join_by.raw(Some("birpc.v1"), side).await;
    send(&mut raw, [request("hang", &json!(1))]).await;
    hanging.began.recv().await.expect("it began");
    let lsp = notification("$/cancelRequest", &json!({"id": 1}));
    send(&mut raw, [lsp, request("ping", &json!("b"))]).await;
    assert_eq!(raw.json().await, pong("b"), "LSP's word means nothing here");
    send(&mut raw, [notification("rpc.cancel", &json!({"id": 1}))]).await;
    assert_cancelled(&raw.json().await, &json!(1));
}

async fn a_dropped_call_is_cancelled_in_the_dialect(join_by: Join) {
    let said = async |dialect: Dialect| {
        let (side, _hanging) = side(dialect);
        let (mut raw, peer) = join_by.raw(None, side).await;
        let call = tokio::spawn(peer.call::<()>("wait", ()));
        let id = raw.json().await["id"].clone();
        call.abort();
        (raw.json().await, id)
    };
    let (cancel, id) = said(Dialect::lsp()).await;
    assert_eq!(cancel, notification("$/cancelRequest", &json!({"id": id})));
    let (cancel, id) = said(Dialect::mcp()).await;
    let params = json!({"requestId": id, "reason": "its caller dropped it"});
    assert_eq!(cancel, notification("notifications/cancelled", &params));
}
