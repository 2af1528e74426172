//! Errors without a call: the calls to which they may and may not belong.

use birpc::{BatchCall, CallError, ErrorObject, Peer};
use serde_json::{Value, json};

use crate::support::{Join, Raw, Side, over_both};

over_both! {
    an_error_for_a_cancel_refuses_no_batch
    an_error_for_a_notification_right_before_a_batch_refuses_no_batch
    an_error_for_our_own_error_refuses_no_batch
    an_error_of_a_method_refuses_no_batch
    an_error_that_nothing_else_provoked_refuses_the_batch
    an_error_without_an_id_ends_the_call_that_provoked_it
    odd_error_objects_keep_what_they_say
}

type Calls = Vec<BatchCall<Result<u64, ErrorObject>>>;

fn null_id(code: i64) -> String {
    json!({"jsonrpc": "2.0", "error": {"code": code, "message": "no"}, "id": null}).to_string()
}

fn result(id: &Value) -> Value {
    json!({"jsonrpc": "2.0", "result": 3, "id": id})
}

/// Sends a batch of two calls. Returns the calls, and the request as it arrived.
async fn send_batch(peer: &Peer, raw: &mut Raw) -> (Calls, Value) {
    let mut batch = peer.batch();
    let calls = (0..2).map(|_| batch.call("add", (1, 2))).collect();
    batch.send().await.expect("it is open");
    (calls, raw.json().await)
}

/// The peer answers the batch after all.
async fn is_answered((calls, request): (Calls, Value), raw: &mut Raw) {
    let answers: Vec<Value> =
        request.as_array().expect("a batch").iter().map(|call| result(&call["id"])).collect();
    raw.send([json!(answers).to_string()]).await;
    for call in calls {
        assert_eq!(call.await, Ok(3));
    }
}

async fn an_error_for_a_cancel_refuses_no_batch(join_by: Join) {
    for code in [-32601, -32600, -32700, 0] {
        let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::default()).await;
        let batch = send_batch(&peer, &mut raw).await;
        let slow = peer.call::<u64>("slow", ());
        let handle = slow.handle();
        let slow = tokio::spawn(slow);
        assert_eq!(raw.json().await["method"], "slow");
        handle.cancel();
        assert_eq!(raw.json().await["method"], "rpc.cancel");
        assert_eq!(slow.await.expect("no panic"), Err(CallError::Cancelled));
        raw.send([null_id(code)]).await;
        is_answered(batch, &mut raw).await;
        assert_eq!(peer.unmatched_responses(), 1);
    }
}

async fn an_error_for_a_notification_right_before_a_batch_refuses_no_batch(join_by: Join) {
    for code in [-32700, -32600] {
        let (mut raw, peer) = join_by.raw(None, Side::default()).await;
        peer.notify("hello", ()).await.expect("it is open");
        raw.json().await;
        let batch = send_batch(&peer, &mut raw).await;
        raw.send([null_id(code)]).await;
        is_answered(batch, &mut raw).await;
        // The batch's answer came later, so everything before it has been handled.
        let (calls, _) = send_batch(&peer, &mut raw).await;
        raw.send([null_id(code)]).await;
        for call in calls {
            assert_eq!(call.await, Err(CallError::Rpc(ErrorObject::new(code, "no"))));
        }
    }
}

async fn an_error_for_our_own_error_refuses_no_batch(join_by: Join) {
    for broken in ["5", "{", r#"{"jsonrpc":"2.0","method":7}"#, "[]", "[1]"] {
        let (mut raw, peer) = join_by.raw(None, Side::default()).await;
        let ours = raw.ask(broken).await;
        let ours = ours.get(0).unwrap_or(&ours);
        assert!(ours["id"].is_null() && ours["error"].is_object(), "{ours}");
        let batch = send_batch(&peer, &mut raw).await;
        raw.send([null_id(-32600)]).await;
        is_answered(batch, &mut raw).await;
    }
}

async fn an_error_of_a_method_refuses_no_batch(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let batch = send_batch(&peer, &mut raw).await;
    raw.send([null_id(-32601), null_id(-32602)]).await;
    is_answered(batch, &mut raw).await;
}

async fn an_error_that_nothing_else_provoked_refuses_the_batch(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    peer.notify("hello", ()).await.expect("it is open");
    raw.json().await;
    let answered = tokio::spawn(peer.call::<u64>("add", (1, 2)));
    let request = raw.json().await;
    raw.send([result(&request["id"]).to_string()]).await;
    assert_eq!(answered.await.expect("no panic"), Ok(3));
    // Our replies provoke nothing.
    assert_eq!(raw.ask(r#"{"jsonrpc":"2.0","method":"x","id":1}"#).await["error"]["code"], -32601);
    let (calls, _) = send_batch(&peer, &mut raw).await;
    raw.send([null_id(-32600)]).await;
    for call in calls {
        assert_eq!(call.await, Err(CallError::Rpc(ErrorObject::new(-32600, "no"))));
    }
    assert_eq!(peer.unmatched_responses(), 0);
}

/// Chrome's DevTools send this for a message that they cannot read.
async fn an_error_without_an_id_ends_the_call_that_provoked_it(join_by: Join) {
    let nameless = r#"{"error":{"code":-32600,"message":"Message must be a valid JSON"}}"#;
    let refused = Err(CallError::Rpc(ErrorObject::new(-32600, "Message must be a valid JSON")));
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let call = tokio::spawn(peer.call::<u64>("Page.enable", ()));
    raw.json().await;
    raw.send([nameless]).await;
    assert_eq!(call.await.expect("no panic"), refused);

    // Which of the two it concerns shows when the other one is answered.
    let calls = [(); 2].map(|()| tokio::spawn(peer.call::<u64>("Page.enable", ())));
    let first = raw.json().await;
    raw.json().await;
    raw.send([nameless.to_owned(), result(&first["id"]).to_string()]).await;
    let mut ended = Vec::new();
    for call in calls {
        ended.push(call.await.expect("no panic"));
    }
    assert!(ended.contains(&Ok(3)) && ended.contains(&refused), "{ended:?}");

    // It may concern the notification that was sent.
    peer.notify("hello", ()).await.expect("it is open");
    raw.json().await;
    let call = tokio::spawn(peer.call::<u64>("Page.enable", ()));
    let request = raw.json().await;
    raw.send([nameless.to_owned(), result(&request["id"]).to_string()]).await;
    assert_eq!(call.await.expect("no panic"), Ok(3));
}

async fn odd_error_objects_keep_what_they_say(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let mut answered = async |error: Value| {
        let call = tokio::spawn(peer.call::<u64>("add", ()));
        let id = raw.json().await["id"].take();
        raw.send([json!({"jsonrpc": "2.0", "error": error, "id": id}).to_string()]).await;
        call.await.expect("no panic").expect_err("it is an error")
    };
    for (error, code, message) in [
        (json!({"code": 5.0, "message": "no"}), 5, "no"),
        (json!({"code": -32000.0, "message": null}), -32000, ""),
        (json!({"code": 1e3}), 1000, ""),
        (json!({"code": 0, "message": ""}), 0, ""),
    ] {
        assert_eq!(answered(error).await, CallError::Method(ErrorObject::new(code, message)));
    }
    for error in [
        json!({"code": 1.5, "message": "no such key"}),
        json!({"code": "E_KEY", "message": "no such key"}),
        json!({"code": 1e300, "message": "no such key"}),
        json!({"message": "no such key"}),
        json!({"code": null, "message": "no such key"}),
        json!({"code": 1, "message": ["no such key"]}),
        json!("no such key"),
        json!(["no such key"]),
    ] {
        let ended = answered(error.clone()).await;
        let CallError::Undecodable(detail) = &ended else { panic!("{error}: {ended:?}") };
        assert!(detail.to_string().contains("no such key"), "{error}: {detail}");
    }
}
