//! A call that is no longer awaited leaves nothing behind on either side.

use std::sync::Arc;
use std::time::Duration;

use birpc::{CallError, ErrorObject, Peer, Router};
use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use crate::support::{Join, NoParams, OnDrop, Raw, Side, code, over_both};

over_both! {
    a_dropped_call_stops_its_handler
    a_dropped_call_is_cancelled_on_the_wire_and_its_late_reply_ignored
    a_dropped_call_is_silent_in_plain_json_rpc
    a_call_that_was_never_polled_was_never_sent
    a_handle_cancels_a_call_that_is_awaited_elsewhere
    a_handle_may_cancel_before_the_call_is_sent_and_after_its_end
    a_cancel_right_behind_its_request_reaches_it
    a_parked_call_is_cancelled_without_ever_running
    a_cancel_of_nothing_is_ignored
    rpc_cancel_means_nothing_in_plain_json_rpc
    a_reply_that_comes_at_once_finds_its_call
}

/// `hang` never answers, and reports when it is dropped. `ping` is a fence.
fn hanging() -> (Router, mpsc::UnboundedReceiver<()>) {
    let (end, dropped) = mpsc::unbounded_channel();
    let router = Router::new()
        .method("hang", move |_, _: NoParams| {
            let guard = OnDrop::tell(&end);
            async move {
                let _guard = guard;
                std::future::pending::<Result<(), ErrorObject>>().await
            }
        })
        .method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>(1) });
    (router, dropped)
}

const PING: &str = r#"{"jsonrpc":"2.0","method":"ping","id":"fence"}"#;

async fn expect_pong(raw: &mut Raw) {
    assert_eq!(raw.json().await, json!({"jsonrpc": "2.0", "id": "fence", "result": 1}));
}

fn assert_cancelled(reply: &Value, id: u64) {
    assert_eq!((&reply["id"], &reply["error"]["code"]), (&json!(id), &json!(-32800)), "{reply}");
    assert_eq!(reply["error"]["data"]["kind"], "cancelled");
}

async fn a_dropped_call_stops_its_handler(join_by: Join) {
    let ((client_router, _), (server_router, mut dropped)) = (hanging(), hanging());
    let pair = join_by.peers(Side::new(client_router), Side::new(server_router)).await;
    {
        let mut call = Box::pin(pair.client.call::<()>("hang", ()));
        assert!(call.as_mut().now_or_never().is_none());
        assert_eq!(pair.client.in_flight(), 1);
        assert_eq!(pair.client.call::<i32>("ping", ()).await, Ok(1), "the request has arrived");
    }
    assert_eq!(pair.client.in_flight(), 0);
    dropped.recv().await.expect("the handler is dropped");
    // The -32800 has been sent and a ping will be answered after it; it matches no call.
    while pair.client.unmatched_responses() == 0 {
        assert_eq!(pair.client.call::<i32>("ping", ()).await, Ok(1));
    }
    assert_eq!(pair.client.unmatched_responses(), 1);
    assert_eq!(pair.server.serving(), 0);
}

/// Makes a call that reaches the raw peer, drops it, and returns its id.
async fn dropped_call(raw: &mut Raw, peer: &Peer) -> u64 {
    let call = tokio::spawn(peer.call::<()>("hang", ()));
    let request = raw.json().await;
    assert_eq!(request["method"], "hang");
    call.abort();
    assert!(call.await.expect_err("it was aborted").is_cancelled());
    assert_eq!(peer.in_flight(), 0);
    request["id"].as_u64().expect("birpc counts")
}

async fn a_dropped_call_is_cancelled_on_the_wire_and_its_late_reply_ignored(join_by: Join) {
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::new(hanging().0)).await;
    let id = dropped_call(&mut raw, &peer).await;
    let cancel = raw.json().await;
    assert_eq!(cancel, json!({"jsonrpc": "2.0", "method": "rpc.cancel", "params": {"id": id}}));
    let late = json!({"jsonrpc": "2.0", "id": id, "result": null}).to_string();
    raw.send([&*late, PING]).await;
    expect_pong(&mut raw).await;
    assert_eq!(peer.unmatched_responses(), 1);
    assert_eq!(peer.close_reason(), None);
}

// A plain peer gets no message that the application did not send.
async fn a_dropped_call_is_silent_in_plain_json_rpc(join_by: Join) {
    for subprotocol in [None, Some("jsonrpc")] {
        let (mut raw, peer) = join_by.raw(subprotocol, Side::new(hanging().0)).await;
        let id = dropped_call(&mut raw, &peer).await;
        raw.send([json!({"jsonrpc": "2.0", "id": id, "result": 1}).to_string().as_str(), PING]).await;
        expect_pong(&mut raw).await;
        assert_eq!(peer.unmatched_responses(), 1);
    }
}

async fn a_call_that_was_never_polled_was_never_sent(join_by: Join) {
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::new(hanging().0)).await;
    drop(peer.call::<()>("never", ()));
    let mut polled = Box::pin(peer.call::<()>("polled", ()));
    assert!(polled.as_mut().now_or_never().is_none());
    assert_eq!(raw.json().await["method"], "polled");
    assert_eq!(peer.in_flight(), 1);
}

async fn a_handle_cancels_a_call_that_is_awaited_elsewhere(join_by: Join) {
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::new(hanging().0)).await;
    let call = peer.call::<()>("hang", ());
    let handle = call.handle();
    let call = tokio::spawn(call);
    let id = raw.json().await["id"].as_u64().expect("birpc counts");
    handle.clone().cancel();
    assert_eq!(call.await.expect("no panic"), Err(CallError::Cancelled));
    assert_eq!(peer.in_flight(), 0);
    let cancel = raw.json().await;
    assert_eq!(cancel, json!({"jsonrpc": "2.0", "method": "rpc.cancel", "params": {"id": id}}));
    handle.cancel(); // changes nothing
    let late = json!({"jsonrpc": "2.0", "id": id, "result": null}).to_string();
    raw.send([&*late, PING]).await;
    expect_pong(&mut raw).await;
    assert_eq!(peer.unmatched_responses(), 1);
}

async fn a_handle_may_cancel_before_the_call_is_sent_and_after_its_end(join_by: Join) {
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::new(hanging().0)).await;
    let never = peer.call::<()>("never", ());
    never.handle().cancel();
    assert_eq!(never.await, Err(CallError::Cancelled));

    let mut call = Box::pin(peer.call::<i32>("one", ()));
    assert!(call.as_mut().now_or_never().is_none());
    let handle = call.handle(); // of a call that is under way
    let id = raw.json().await["id"].clone();
    raw.send([json!({"jsonrpc": "2.0", "id": id, "result": 1}).to_string()]).await;
    assert_eq!(call.await, Ok(1));
    handle.cancel();
    raw.send([PING]).await;
    expect_pong(&mut raw).await; // and no cancel came before it
}

// The queue to the socket is full, so the call has an entry but its request has not been sent.
#[tokio::test(start_paused = true)]
async fn a_handle_cancels_a_call_that_waits_for_room() {
    let side = Side::default().limits(|limits| {
        limits.max_queued_bytes = 1;
        limits.write_stall = Duration::MAX;
    });
    let (mut raw, peer) = Join::Memory.raw(Some("birpc.v1"), side).await;
    let big = "x".repeat(600 << 10); // more than the pair holds
    let spawn = |method: &'static str| {
        let call = peer.call::<()>(method, [&big]);
        (call.handle(), tokio::spawn(call))
    };
    let mut calls = Vec::new();
    for method in ["sent", "queued", "waiting"] {
        calls.push(spawn(method));
        while peer.in_flight() < calls.len() {
            tokio::task::yield_now().await;
        }
    }
    for (handle, call) in calls.drain(1..) {
        handle.cancel();
        assert_eq!(call.await.expect("no panic"), Err(CallError::Cancelled));
    }
    assert_eq!(peer.in_flight(), 1);
    assert_eq!(raw.json().await["method"], "sent");
    peer.notify("fence", ()).await.expect("there is room again");
    assert_eq!(raw.json().await["method"], "fence");
}

// A nested call that was cancelled does not make its caller look cancelled: the peer gets another error.
#[test]
fn the_caller_of_a_handler_whose_own_call_was_cancelled_has_cancelled_nothing() {
    let error: ErrorObject = CallError::<ErrorObject>::Cancelled.into();
    assert_eq!(error.code(), -32603);
}

async fn a_cancel_right_behind_its_request_reaches_it(join_by: Join) {
    let (router, mut dropped) = hanging();
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::new(router)).await;
    for id in 0..100 {
        raw.send([
            json!({"jsonrpc": "2.0", "method": "hang", "id": id}).to_string(),
            json!({"jsonrpc": "2.0", "method": "rpc.cancel", "params": {"id": id}}).to_string(),
        ])
        .await;
        assert_cancelled(&raw.json().await, id);
        dropped.recv().await.expect("the handler is dropped");
    }
    assert_eq!(peer.serving(), 0);
}

// This holds for a request that still waits for its turn.
async fn a_parked_call_is_cancelled_without_ever_running(join_by: Join) {
    let (router, mut dropped) = hanging();
    let (mut raw, _) = join_by.raw(Some("birpc.v1"), Side::new(router).in_flight(1)).await;
    raw.send([
        r#"{"jsonrpc":"2.0","method":"hang","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"hang","id":2}"#,
        r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":2}}"#,
    ])
    .await;
    assert_cancelled(&raw.json().await, 2);
    assert!(dropped.try_recv().is_err(), "neither the running nor the parked one has been dropped");
    raw.send([r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":1}}"#, PING]).await;
    let replies = [raw.json().await, raw.json().await];
    let cancelled = replies.iter().find(|reply| reply["id"] == 1).expect("its reply");
    assert_cancelled(cancelled, 1);
    dropped.recv().await.expect("the handler is dropped");
}

async fn a_cancel_of_nothing_is_ignored(join_by: Join) {
    let (mut raw, _) = join_by.raw(Some("birpc.v1"), Side::new(hanging().0)).await;
    raw.send([
        r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":17}}"#,
        r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":{}}}"#,
        r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":[1]}"#,
        r#"{"jsonrpc":"2.0","method":"rpc.cancel"}"#,
        PING,
    ])
    .await;
    expect_pong(&mut raw).await;
}

async fn rpc_cancel_means_nothing_in_plain_json_rpc(join_by: Join) {
    let (router, mut dropped) = hanging();
    let (mut raw, peer) = join_by.raw(None, Side::new(router)).await;
    raw.send([
        r#"{"jsonrpc":"2.0","method":"hang","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":1}}"#,
        PING,
    ])
    .await;
    expect_pong(&mut raw).await;
    assert!(dropped.try_recv().is_err());
    assert_eq!(peer.serving(), 1);
}

// The call is in the table before its request is on the wire.
async fn a_reply_that_comes_at_once_finds_its_call(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let echo = tokio::spawn(async move {
        for _ in 0..1000 {
            let request = raw.json().await;
            raw.send([json!({"jsonrpc": "2.0", "id": request["id"], "result": 1}).to_string()]).await;
        }
    });
    for _ in 0..1000 {
        assert_eq!(peer.call::<i32>("now", ()).await, Ok(1));
    }
    echo.await.expect("no panic");
    assert_eq!(peer.unmatched_responses(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_timed_out_call_is_cancelled_like_a_dropped_one() {
    let (mut raw, peer) = Join::Memory.raw(Some("birpc.v1"), Side::new(hanging().0)).await;
    let began = tokio::time::Instant::now();
    let bounded = peer.clone().with_timeout(Duration::from_secs(7));
    let call = tokio::spawn(async move { bounded.call::<()>("hang", ()).await });
    let id = raw.json().await["id"].as_u64().expect("birpc counts");
    assert_eq!(call.await.expect("no panic"), Err(CallError::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 7);
    assert_eq!(peer.in_flight(), 0);
    let cancel = raw.json().await;
    assert_eq!(cancel, json!({"jsonrpc": "2.0", "method": "rpc.cancel", "params": {"id": id}}));
    let late = json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32800, "message": ""}}).to_string();
    raw.send([&*late, PING]).await;
    expect_pong(&mut raw).await;
    assert_eq!(peer.unmatched_responses(), 1);
}

// Both ends are birpc's.
#[tokio::test(start_paused = true)]
async fn a_timed_out_call_drops_its_handler() {
    let (router, mut dropped) = hanging();
    let pair = Join::Memory.peers(Side::default(), Side::new(router)).await;
    let bounded = pair.client.clone().with_timeout(Duration::from_millis(1));
    assert_eq!(bounded.call::<()>("hang", ()).await, Err(CallError::TimedOut));
    dropped.recv().await.expect("the handler is dropped");
    while pair.client.unmatched_responses() == 0 {
        assert_eq!(pair.client.call::<i32>("ping", ()).await, Ok(1));
    }
}

/// The longest duration that can be added to the clock; the paused clock makes it easy to find.
fn longest_timeout() -> Duration {
    let now = tokio::time::Instant::now();
    let fits = |secs, nanos| now.checked_add(Duration::new(secs, nanos)).is_some();
    let longer = |sum: u64, bit: u32| {
        let more = sum | (1 << bit);
        if fits(more, 0) { more } else { sum }
    };
    let secs = (0..64).rev().fold(0, longer);
    let longer = |sum: u32, bit: u32| {
        let more = sum | (1 << bit);
        if more < 1_000_000_000 && fits(secs, more) { more } else { sum }
    };
    Duration::new(secs, (0..30).rev().fold(0, longer))
}

// Any duration is valid, including the longest that the clock can take.
#[tokio::test(start_paused = true)]
async fn any_timeout_is_safe() {
    let (gate, opened) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (entered, open) = (gate.clone(), opened.clone());
    let router = Router::new().method("wait", move |_, _: NoParams| {
        let (gate, opened) = (gate.clone(), opened.clone());
        async move {
            gate.notify_one();
            opened.notified().await;
            Ok::<_, ErrorObject>(1)
        }
    });
    let pair = Join::Memory.peers(Side::default(), Side::new(router)).await;
    for timeout in [Duration::MAX, longest_timeout(), Duration::from_secs(1 << 40)] {
        let call = pair.client.clone().with_timeout(timeout).call::<i32>("wait", ());
        let release = async {
            entered.notified().await;
            open.notify_one();
        };
        let (outcome, ()) = tokio::join!(call, release);
        assert_eq!(outcome, Ok(1), "{timeout:?}");
    }
    let none = pair.client.clone().with_timeout(Duration::ZERO);
    assert_eq!(none.call::<i32>("wait", ()).await, Err(CallError::TimedOut));
    assert_eq!(pair.client.in_flight(), 0);
    assert_eq!(code(&pair.client.call::<i32>("no such", ()).await), -32601);
}
