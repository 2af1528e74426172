//! Batches that are dropped, refused, too large, too late or cut off: none of their calls waits for ever.

use std::time::Duration;

use birpc::{CallError, ErrorObject, Peer};
use futures_util::FutureExt;
use futures_util::future::join;
use serde_json::{Value, json};

use crate::support::{Join, Raw, Side, hanging, over_both};

over_both! {
    a_call_that_is_dropped_before_the_sending_is_left_out
    a_batch_that_is_dropped_ends_its_calls
    a_dropped_call_is_cancelled_and_the_others_go_on
    params_that_do_not_serialise_fail_the_whole_batch
    too_many_entries_fail_the_whole_batch
    too_many_bytes_fail_the_whole_batch
    a_lost_connection_ends_the_calls
    a_refusal_with_id_null_ends_the_calls_of_the_batch
    a_refusal_ends_the_largest_batch_that_is_out
    a_refusal_passes_a_batch_by_that_was_answered_in_part
}

const REFUSAL: &str = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"too large"}}"#;

fn refused<T>() -> Result<T, CallError> {
    Err(CallError::Rpc(ErrorObject::new(-32600, "too large")))
}

fn unsendable<T>(why: &'static str) -> Result<T, CallError> {
    Err(CallError::Unsendable(why.into()))
}

/// The methods of the next batch.
async fn methods(raw: &mut Raw) -> Vec<Value> {
    let batch = raw.json().await;
    batch.as_array().expect("a batch").iter().map(|entry| entry["method"].clone()).collect()
}

async fn reply(raw: &mut Raw, id: u64) {
    raw.send([json!({"jsonrpc": "2.0", "id": id, "result": id}).to_string()]).await;
}

/// Waits until everything that the raw peer has sent is handled.
async fn fence(raw: &mut Raw) {
    let reply = raw.ask(r#"{"jsonrpc":"2.0","method":"fence","id":"fence"}"#).await;
    assert_eq!(reply["error"]["code"], -32601);
}

async fn a_call_that_is_dropped_before_the_sending_is_left_out(join_by: Join) {
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::default()).await;
    let mut batch = peer.batch();
    let kept = batch.call::<u64>("kept", ());
    drop(batch.call::<()>("dropped", f64::NAN)); // what is wrong with it goes with it
    batch.send().await.expect("it is open");
    assert_eq!(methods(&mut raw).await, ["kept"]);
    reply(&mut raw, 1).await;
    assert_eq!(kept.await, Ok(1));

    let mut batch = peer.batch();
    drop(batch.call::<()>("dropped", ()));
    batch.send().await.expect("nothing to send");
    peer.notify("fence", ()).await.expect("it is open");
    assert_eq!(raw.json().await["method"], "fence", "neither a batch nor a cancel");
    assert_eq!(peer.in_flight(), 0);
}

async fn a_batch_that_is_dropped_ends_its_calls(join_by: Join) {
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::default()).await;
    let mut batch = peer.batch();
    let (early, late) = (tokio::spawn(batch.call::<()>("early", ())), batch.call::<()>("late", ()));
    tokio::task::yield_now().await;
    drop(batch);
    assert_eq!(early.await.expect("no panic"), unsendable("the batch was never sent"));
    let mut batch = peer.batch();
    let unsent = batch.call::<()>("unsent", ());
    drop(batch.send());
    assert_eq!(
        (late.await, unsent.await),
        (unsendable("the batch was never sent"), unsendable("the batch was never sent"))
    );
    peer.notify("fence", ()).await.expect("it is open");
    assert_eq!(raw.json().await["method"], "fence");
}

async fn a_dropped_call_is_cancelled_and_the_others_go_on(join_by: Join) {
    let (router, mut handlers) = hanging();
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::default()).await;
    let mut batch = peer.batch();
    let (dropped, kept) = (batch.call::<()>("hang", ()), batch.call::<u64>("hang", ()));
    batch.send().await.expect("it is open");
    assert_eq!(methods(&mut raw).await, ["hang", "hang"]);
    drop(dropped);
    assert_eq!(raw.json().await, json!({"jsonrpc": "2.0", "method": "rpc.cancel", "params": {"id": 1}}));
    reply(&mut raw, 2).await;
    assert_eq!(kept.await, Ok(2));

    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    let mut batch = pair.client.batch();
    let calls = [batch.call::<()>("hang", ()), batch.call::<()>("hang", ())];
    batch.send().await.expect("it is open");
    handlers.began.recv().await.expect("it runs");
    drop(calls);
    for _ in 0..2 {
        handlers.dropped.recv().await.expect("the handler is dropped");
    }
    assert_eq!(pair.client.in_flight(), 0);
}

async fn params_that_do_not_serialise_fail_the_whole_batch(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let mut batch = peer.batch();
    let good = batch.call::<()>("good", ());
    let bad = batch.call::<()>("bad", "text");
    let error = batch.send().await;
    let Err(CallError::Unsendable(why)) = &error else { panic!("{error:?}") };
    assert!(why.to_string().contains("neither an array nor an object"), "{why}");
    assert_eq!((good.await, bad.await), (error.clone(), error));

    let mut batch = peer.batch();
    let good = batch.call::<()>("good", ());
    batch.notify("bad", 1);
    let error = batch.send().await;
    assert!(matches!(error, Err(CallError::Unsendable(_))), "{error:?}");
    assert_eq!(good.await, error);
    assert_eq!(peer.in_flight(), 0);
    peer.notify("fence", ()).await.expect("it is open");
    assert_eq!(raw.json().await["method"], "fence");
}

async fn too_many_entries_fail_the_whole_batch(join_by: Join) {
    let side = Side::default().limits(|limits| limits.max_batch = 3);
    let (mut raw, peer) = join_by.raw(None, side).await;
    let mut batch = peer.batch();
    batch.notify("first", ());
    let calls = [(); 3].map(|()| batch.call::<()>("call", ()));
    let error = unsendable("the batch has 4 entries, over the limit of 3 (`Limits::max_batch`)");
    assert_eq!(batch.send().await, error);
    for call in calls {
        assert_eq!(call.await, error);
    }
    let _calls = send(&peer, 3).await;
    assert_eq!(methods(&mut raw).await.len(), 3);
}

async fn too_many_bytes_fail_the_whole_batch(join_by: Join) {
    let side = Side::default().limits(|limits| limits.max_message_out = 920);
    let (mut raw, peer) = join_by.raw(None, side).await;
    let text = "x".repeat(400);
    let mut batch = peer.batch();
    let calls = [batch.call::<()>("a", [&text]), batch.call::<()>("b", [&text])];
    let error = batch.send().await;
    let Err(CallError::Unsendable(why)) = &error else { panic!("{error:?}") };
    assert!(why.to_string().contains("over the limit of 920"), "{why}");
    for call in calls {
        assert_eq!(call.await, error);
    }
    let mut batch = peer.batch();
    batch.notify("a", [&text]);
    batch.notify("b", [&text]);
    batch.send().await.expect("without ids there is room");
    assert_eq!(methods(&mut raw).await, ["a", "b"]);
}

async fn a_lost_connection_ends_the_calls(join_by: Join) {
    let (router, mut handlers) = hanging();
    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    let mut batch = pair.client.batch();
    let calls = [batch.call::<()>("hang", ()), batch.call::<()>("hang", ())];
    let mut unsent = pair.client.batch();
    let never = unsent.call::<()>("hang", ());
    batch.send().await.expect("it is open");
    for _ in 0..2 {
        handlers.began.recv().await.expect("it runs");
    }
    pair.cut();
    for call in calls {
        let outcome = call.await;
        assert!(matches!(outcome, Err(CallError::Disconnected { sent: true, .. })), "{outcome:?}");
    }
    let outcome = unsent.send().await;
    assert!(matches!(outcome, Err(CallError::Disconnected { sent: false, .. })), "{outcome:?}");
    assert_eq!(never.await, outcome);
}

async fn a_refusal_with_id_null_ends_the_calls_of_the_batch(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let alone = tokio::spawn(peer.call::<u64>("alone", ()));
    assert_eq!(raw.json().await["method"], "alone");
    let mut batch = peer.batch();
    let calls = [batch.call::<()>("a", ()), batch.call::<()>("b", ())];
    batch.send().await.expect("it is open");
    assert_eq!(methods(&mut raw).await, ["a", "b"]);
    raw.send([REFUSAL]).await;
    for call in calls {
        assert_eq!(call.await, refused());
    }
    assert_eq!(peer.unmatched_responses(), 0);
    // Without an open batch, it is a response that matches no call.
    raw.send([REFUSAL]).await;
    reply(&mut raw, 1).await;
    assert_eq!(alone.await.expect("no panic"), Ok(1));
    assert_eq!((peer.unmatched_responses(), peer.in_flight()), (1, 0));
}

/// Sends a batch of this many calls.
async fn send(peer: &Peer, calls: usize) -> Vec<birpc::BatchCall<Result<u64, ErrorObject>>> {
    let mut batch = peer.batch();
    let calls = (0..calls).map(|_| batch.call("call", ())).collect();
    batch.send().await.expect("it is open");
    calls
}

// A peer with a limit serves the small batch, and answers it later.
async fn a_refusal_ends_the_largest_batch_that_is_out(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let (mut small, large) = (send(&peer, 1).await, send(&peer, 3).await);
    assert_eq!((methods(&mut raw).await.len(), methods(&mut raw).await.len()), (1, 3));
    raw.send([REFUSAL]).await;
    for call in large {
        assert_eq!(call.await, refused());
    }
    reply(&mut raw, 1).await;
    assert_eq!(small.remove(0).await, Ok(1));
}

async fn a_refusal_passes_a_batch_by_that_was_answered_in_part(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, Side::default()).await;
    let mut calls = send(&peer, 2).await;
    assert_eq!(methods(&mut raw).await.len(), 2);
    reply(&mut raw, 2).await;
    raw.send([REFUSAL]).await;
    fence(&mut raw).await;
    assert_eq!(peer.unmatched_responses(), 1);
    reply(&mut raw, 1).await;
    assert_eq!((calls.remove(0).await, calls.remove(0).await), (Ok(1), Ok(2)));
}

// Nothing is taken from the queue before this task waits.
#[tokio::test]
async fn calls_that_are_dropped_in_the_queue_are_left_out() {
    let (mut raw, peer) = Join::Memory.raw(Some("birpc.v1"), Side::default()).await;
    let mut calls = send(&peer, 2).await;
    drop(calls.remove(0));
    drop(send(&peer, 2).await);
    assert_eq!(raw.json().await, json!([{"jsonrpc": "2.0", "method": "call", "id": 2}]));
    peer.notify("fence", ()).await.expect("it is open");
    assert_eq!(raw.json().await["method"], "fence", "neither an empty batch nor a cancel");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_counts_from_the_sending() {
    let (mut raw, peer) = Join::Memory.raw(Some("birpc.v1"), Side::default()).await;
    let peer = peer.with_timeout(Duration::from_secs(7));
    let mut batch = peer.batch();
    let (one, two) = (batch.call::<u64>("one", ()), batch.call::<u64>("two", ()));
    tokio::time::sleep(Duration::from_secs(8)).await;
    let began = tokio::time::Instant::now();
    batch.send().await.expect("it is open");
    assert_eq!(methods(&mut raw).await, ["one", "two"]);
    reply(&mut raw, 1).await;
    assert_eq!((one.await, two.await), (Ok(1), Err(CallError::TimedOut)));
    assert_eq!(began.elapsed().as_secs(), 7);
    assert_eq!(raw.json().await["params"], json!({"id": 2}), "the peer is told");
    assert_eq!(peer.in_flight(), 0);
}

/// A connection whose queue is full, and the number of notifications in front.
async fn congested() -> (Raw, Peer, usize) {
    let side = Side::default().limits(|limits| limits.max_queued_bytes = 10_000);
    let (raw, peer) = Join::Memory.raw(Some("birpc.v1"), side).await;
    let (text, mut sent) = ("x".repeat(1000), 0);
    while peer.notify("said", [&text]).now_or_never().is_some() {
        sent += 1;
        tokio::task::yield_now().await;
    }
    (raw, peer, sent)
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_room_in_its_turn() {
    let (mut raw, peer, sent) = congested().await;
    let mut batch = peer.batch();
    let (kept, dropped) = (batch.call::<u64>("kept", ()), batch.call::<u64>("dropped", ()));
    let mut first = Box::pin(batch.send());
    assert_eq!(first.as_mut().now_or_never(), None, "it waits for room");
    let mut second = Box::pin(peer.notify("second", ()));
    assert_eq!(second.as_mut().now_or_never(), None);
    drop(dropped);
    let read = async {
        for _ in 0..sent {
            assert_eq!(raw.json().await["method"], "said");
        }
        assert_eq!(methods(&mut raw).await, ["kept"]);
        assert_eq!(raw.json().await["method"], "second");
        reply(&mut raw, 1).await;
        raw
    };
    let ((first, second), _raw) = join(join(first, second), read).await;
    assert_eq!((first, second, kept.await), (Ok(()), Ok(()), Ok(1)));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_given_up_while_it_waits_ends_its_calls() {
    let (mut raw, peer, sent) = congested().await;
    let mut batch = peer.batch();
    let (early, late) = (tokio::spawn(batch.call::<()>("early", ())), batch.call::<()>("late", ()));
    let mut sending = Box::pin(batch.send());
    assert_eq!(sending.as_mut().now_or_never(), None, "it waits for room");
    tokio::task::yield_now().await;
    drop(sending);
    assert_eq!(
        (early.await.expect("no panic"), late.await),
        (unsendable("the batch was never sent"), unsendable("the batch was never sent"))
    );
    assert_eq!(peer.in_flight(), 0);
    for _ in 0..sent {
        assert_eq!(raw.json().await["method"], "said");
    }
    peer.notify("fence", ()).await.expect("there is room");
    assert_eq!(raw.json().await["method"], "fence");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_room_is_part_of_the_calls() {
    let (_raw, peer, _) = congested().await;
    let mut batch = peer.clone().with_timeout(Duration::from_secs(1)).batch();
    let call = batch.call::<()>("late", ());
    let mut sending = Box::pin(batch.send());
    assert_eq!(sending.as_mut().now_or_never(), None, "it waits for room");
    assert_eq!(call.await, Err(CallError::TimedOut));

    // The connection is given up, since nothing is read.
    let mut batch = peer.batch();
    let call = batch.call::<()>("lost", ());
    let (sent, outcome) = join(batch.send(), call).await;
    assert!(matches!(sent, Err(CallError::Disconnected { sent: false, .. })), "{sent:?}");
    assert_eq!(outcome, sent);
    assert_eq!(sending.await, sent);
}
