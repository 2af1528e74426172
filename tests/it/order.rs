//! Messages that arrive first are served first, and messages that are sent first arrive first.

use std::sync::Arc;

use birpc::transport::{Frame, Transport, memory_pair};
use birpc::{Context, ErrorObject, Router};
use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::support::connection::{HOUR, recv, start, timed};
use crate::support::{Join, Record, Side, over_both};

over_both! {
    handlers_start_in_the_order_of_arrival
    notifications_stay_in_order_beyond_the_limit
    what_a_handler_sent_arrives_before_its_reply
    a_batch_waits_for_its_requests_and_not_for_its_notifications
    a_batch_of_notifications_disturbs_no_later_batch
}

async fn handlers_start_in_the_order_of_arrival(join_by: Join) {
    let started = Record::default();
    let record = started.clone();
    let router = Router::new().method("start", move |_, (number,): (usize,)| {
        record.push(number);
        async move {
            yield_now().await;
            Ok::<_, ErrorObject>(number)
        }
    });
    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    let calls = (0..500).map(|number| pair.client.call::<usize>("start", [number]));
    let mut calls: Vec<_> = calls.map(Box::pin).collect();
    for call in &mut calls {
        assert!(call.as_mut().now_or_never().is_none());
    }
    let expected: Vec<usize> = (0..500).collect();
    assert!(join_all(calls).await.into_iter().map(|outcome| outcome.expect("a result")).eq(0..500));
    assert_eq!(started.take(), expected);
}

// This also applies to calls that had to wait for a slot.
async fn notifications_stay_in_order_beyond_the_limit(join_by: Join) {
    let (seen, gate) = (Record::default(), Arc::new(Semaphore::new(0)));
    let (record, opened, count) = (seen.clone(), gate.clone(), seen.clone());
    let router = Router::new()
        .notification("told", move |_, (number,): (u32,)| {
            record.push(number);
            let opened = opened.clone();
            async move { opened.acquire().await.expect("it is never closed").forget() }
        })
        .method("seen", move |_, _: crate::support::NoParams| {
            let count = count.clone();
            async move { Ok::<Vec<u32>, ErrorObject>(count.take()) }
        });
    let (mut raw, _) = join_by.raw(None, Side::new(router).in_flight(4)).await;
    let told = |number: u32| json!({"jsonrpc": "2.0", "method": "told", "params": [number]}).to_string();
    raw.send((0..8).map(told)).await; // four run, four wait
    gate.add_permits(5);
    let mut order = Vec::new();
    while order.len() < 8 {
        let reply = raw.ask(r#"{"jsonrpc":"2.0","method":"seen","id":1}"#).await;
        let more = reply["result"].as_array().cloned().unwrap_or_default();
        order.extend(more.iter().filter_map(Value::as_u64));
    }
    assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 7]);
}

// This applies whether the handler is ready at once or later.
async fn what_a_handler_sent_arrives_before_its_reply(join_by: Join) {
    let router = Router::new().method("tell", |cx: Context, (waits,): (bool,)| async move {
        for number in 0..3 {
            cx.peer().notify("told", [number]).await?;
            if waits {
                yield_now().await;
            }
        }
        Ok::<_, ErrorObject>(3)
    });
    let (mut raw, _) = join_by.raw(Some("birpc.v1"), Side::new(router)).await;
    for waits in [false, true].repeat(50) {
        raw.send([json!({"jsonrpc": "2.0", "method": "tell", "params": [waits], "id": 1}).to_string()]).await;
        for number in 0..3 {
            assert_eq!(raw.json().await["params"], json!([number]));
        }
        assert_eq!(raw.json().await["result"], 3);
    }
}

/// `hold` ends when the test releases one; the notification `told` ends when it is polled again.
fn holding() -> (Router, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let router = Router::new()
        .method("hold", move |_, (number,): (u32,)| {
            let opened = opened.clone();
            async move {
                opened.acquire().await.expect("it is never closed").forget();
                Ok::<_, ErrorObject>(number)
            }
        })
        .method("ping", |_, _: crate::support::NoParams| async { Ok::<_, ErrorObject>(1) })
        .notification("told", |_, _: crate::support::NoParams| async { yield_now().await });
    (router, gate)
}

/// Waits until the notifications of earlier batches have ended.
async fn settle(raw: &mut crate::support::Raw, peer: &birpc::Peer, serving: usize) {
    while peer.serving() > serving {
        assert_eq!(raw.ask(r#"{"jsonrpc":"2.0","method":"ping","id":0}"#).await["result"], 1);
        yield_now().await;
    }
}

// A notification is not an entry that gets a reply, however long its handler takes.
async fn a_batch_waits_for_its_requests_and_not_for_its_notifications(join_by: Join) {
    let (router, gate) = holding();
    let (mut raw, peer) = join_by.raw(None, Side::new(router)).await;
    let batch = json!([
        {"jsonrpc": "2.0", "method": "told"},
        {"jsonrpc": "2.0", "method": "hold", "params": [7], "id": 1},
        {"jsonrpc": "2.0", "method": "told"},
    ]);
    raw.send([batch.to_string()]).await;
    assert_eq!(raw.ask(r#"{"jsonrpc":"2.0","method":"ping","id":0}"#).await["result"], 1);
    settle(&mut raw, &peer, 1).await;
    gate.add_permits(1);
    assert_eq!(raw.json().await, json!([{"jsonrpc": "2.0", "id": 1, "result": 7}]));
}

async fn a_batch_of_notifications_disturbs_no_later_batch(join_by: Join) {
    let (router, gate) = holding();
    let (mut raw, peer) = join_by.raw(None, Side::new(router)).await;
    let told = json!({"jsonrpc": "2.0", "method": "told"});
    let hold = json!([{"jsonrpc": "2.0", "method": "hold", "params": [8], "id": 1}]);
    raw.send([json!([told, told, told]).to_string(), hold.to_string()]).await;
    assert_eq!(raw.ask(r#"{"jsonrpc":"2.0","method":"ping","id":0}"#).await["result"], 1);
    settle(&mut raw, &peer, 1).await;
    gate.add_permits(1);
    assert_eq!(raw.json().await, json!([{"jsonrpc": "2.0", "id": 1, "result": 8}]));
}

// A notification gets no reply, so the batch does not wait for one, whenever or if ever its handler ends.
#[tokio::test(start_paused = true)]
async fn a_batch_is_answered_whatever_its_notifications_do() {
    for (notification, request) in [(10, 100), (100, 10), (u64::from(u32::MAX), 10)] {
        let (near, mut raw) = memory_pair();
        let (_peer, _) = start(near, timed(), |_| {});
        let batch = json!([
            {"jsonrpc": "2.0", "method": "slowly", "params": [notification]},
            {"jsonrpc": "2.0", "id": 1, "method": "slow", "params": [request]},
        ]);
        raw.send(Frame::Text(batch.to_string().into())).expect("a peer");
        let Ok(Some(Frame::Text(answer))) = timeout(HOUR, recv(&mut raw)).await else { panic!("no answer") };
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(answer, json!([{"jsonrpc": "2.0", "id": 1, "result": request}]));
    }
}
