//! Between peers of `birpc.v1` notifications wait for credit, and none is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use birpc::transport::{MemoryTransport, memory_pair};
use birpc::{
    CallError, Config, Connection, ConnectionInfo, Context, EncodedNotification, ErrorObject, Peer, Router,
    WhenFull,
};
use futures_util::FutureExt;
use futures_util::future::join;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{Heard, Join, NoParams, Raw, Record, Side, bounded, code, over_both};

/// Notifications that a peer may send before it gets an `rpc.allow`; likewise their bytes.
const WINDOW: usize = 1024;
const WINDOW_BYTES: usize = 1 << 20;

over_both! {
    none_is_dropped_however_slow_the_handler_is
    handlers_that_notify_each_other_complete
    handlers_that_notify_and_call_each_other_complete
    a_call_passes_notifications_that_wait
    what_is_within_its_credit_is_served_during_a_drain
}

/// The text of a `log` notification, as a raw peer sends it.
fn log(number: usize) -> String {
    json!({"jsonrpc": "2.0", "method": "log", "params": [number]}).to_string()
}

/// The same notification, for a broadcast.
fn encoded(number: usize) -> EncodedNotification {
    EncodedNotification::new("log", [number]).expect("it serialises")
}

fn allow(items: usize, bytes: usize) -> String {
    json!({"jsonrpc": "2.0", "method": "rpc.allow", "params": [items, bytes]}).to_string()
}

/// Serves `log`, which waits for a permit of the gate, and `logged`.
fn gated() -> (Router, Arc<Semaphore>, Record<usize>) {
    let (gate, lines) = (Arc::new(Semaphore::new(0)), Record::default());
    let (held, hear) = (gate.clone(), lines.clone());
    let log = Router::new().notification("log", move |_: Context, (number,): (usize,)| {
        let (held, hear) = (held.clone(), hear.clone());
        async move {
            held.acquire().await.expect("it stays open").forget();
            hear.push(number);
        }
    });
    (Router::new().ordered(log).method("add", add), gate, lines)
}

async fn add(_: Context, (a, b): (i64, i64)) -> Result<i64, ErrorObject> {
    Ok(a + b)
}

/// A peer of `birpc.v1` that says what the test likes, and this side's handle on it; the clock may be paused.
fn raw(router: Router, change: impl FnOnce(&mut Config)) -> (Raw, Peer) {
    let (ours, theirs) = memory_pair();
    let mut config = Config::default();
    change(&mut config);
    let info = ConnectionInfo::default().with_subprotocol("birpc.v1");
    let (peer, connection) = Connection::<MemoryTransport>::new(ours, Arc::new(config), info);
    tokio::spawn(connection.serve(router));
    (Raw::Memory(theirs), peer)
}

/// Lets everything run that can.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

// Ten thousand notifications go to a handler that yields to all other tasks, one at a time. The sender is
// never more than a window ahead of the handler.
async fn none_is_dropped_however_slow_the_handler_is(join_by: Join) {
    const MANY: usize = 10_000;
    let lines = Record::default();
    let hear = lines.clone();
    let log = Router::new().notification("log", move |_: Context, (number,): (usize,)| {
        let hear = hear.clone();
        async move {
            tokio::task::yield_now().await;
            hear.push(number);
        }
    });
    let server = Router::new().ordered(log);
    let pair = join_by.peers(Side::default(), Side::new(server).in_flight(4)).await;
    let mut most = 0;
    for number in 0..MANY {
        pair.client.notify("log", [number]).await.expect("it is open");
        most = most.max(pair.server.serving());
    }
    let mut logged = Vec::new();
    while logged.len() < MANY {
        tokio::task::yield_now().await;
        logged.extend(lines.take());
    }
    assert_eq!(logged.len(), MANY);
    assert!(logged.is_sorted(), "they came in order");
    assert!(most <= WINDOW, "{most} were open at once");
    assert_eq!(pair.server.dropped_notifications(), 0);
}

/// Notifies the other side with one level less, and counts the handlers that have ended.
fn chain(ended: &Arc<AtomicUsize>, calls: bool) -> Router {
    let ended = ended.clone();
    let chain = move |cx: Context, (depth,): (u32,)| {
        let ended = ended.clone();
        async move {
            if depth > 0 {
                cx.peer().notify("chain", [depth - 1]).await.expect("it is open");
                if calls {
                    // With a limit of one, one call may wait; the others are refused.
                    while let Err(error) = cx.peer().call::<i64>("add", (1, 2)).await {
                        assert_eq!(code::<()>(&Err(error)), -32005);
                        tokio::task::yield_now().await;
                    }
                }
            }
            ended.fetch_add(1, Ordering::Relaxed);
        }
    };
    Router::new().notification("chain", chain).method("add", add)
}

async fn chains(join_by: Join, many: usize, calls: bool, max_in_flight: usize) {
    let ended = Arc::default();
    let side = || Side::new(chain(&ended, calls)).limits(|limits| limits.max_in_flight = max_in_flight);
    let pair = join_by.peers(side(), side()).await;
    let send = |peer: Peer| async move {
        for _ in 0..many {
            peer.notify("chain", [3]).await.expect("it is open");
        }
    };
    join(send(pair.client.clone()), send(pair.server.clone())).await;
    while ended.load(Ordering::Relaxed) < 2 * 4 * many {
        tokio::task::yield_now().await;
    }
    assert_eq!(pair.client.dropped_notifications() + pair.server.dropped_notifications(), 0);
}

async fn handlers_that_notify_each_other_complete(join_by: Join) {
    for max_in_flight in [1, 64] {
        chains(join_by, 2 * WINDOW, false, max_in_flight).await;
    }
}

async fn handlers_that_notify_and_call_each_other_complete(join_by: Join) {
    // With one slot the handlers that wait for it make the test slow, and half as many use up the credit.
    for (max_in_flight, many) in [(1, WINDOW / 2), (64, WINDOW + 200)] {
        chains(join_by, many, true, max_in_flight).await;
    }
}

async fn a_call_passes_notifications_that_wait(join_by: Join) {
    let (router, gate, lines) = gated();
    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    for number in 0..WINDOW {
        pair.client.notify("log", [number]).await.expect("there is credit");
    }
    let mut waits = Box::pin(pair.client.notify("log", [WINDOW]));
    assert_eq!(waits.as_mut().now_or_never(), None, "it waits for credit");
    assert_eq!(pair.client.call::<i64>("add", (1, 2)).await, Ok(3));
    assert_eq!(waits.as_mut().now_or_never(), None, "the handler has not moved");
    gate.add_permits(WINDOW + 1);
    waits.await.expect("it is sent when there is credit");
    while lines.take().last() != Some(&WINDOW) {
        tokio::task::yield_now().await;
    }
}

async fn what_is_within_its_credit_is_served_during_a_drain(join_by: Join) {
    let (router, gate, lines) = gated();
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), Side::new(router)).await;
    raw.send([log(0)]).await;
    while peer.serving() == 0 {
        tokio::task::yield_now().await;
    }
    let mut drained = tokio::spawn({
        let peer = peer.clone();
        async move { peer.drain().await }
    });
    assert!((&mut drained).now_or_never().is_none());
    // Until the peer refuses calls because it drains.
    while raw.ask(r#"{"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]}"#).await.get("error").is_none() {}
    let pong = raw.ask(r#"{"jsonrpc":"2.0","id":2,"method":"rpc.ping"}"#).await;
    assert_eq!(pong, json!({"jsonrpc": "2.0", "id": 2, "result": null}));
    raw.send([log(1)]).await;
    while peer.serving() < 2 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(2);
    drained.await.expect("it drains");
    assert_eq!((lines.take(), peer.dropped_notifications()), (vec![0, 1], 0));
}

#[tokio::test(start_paused = true)]
async fn one_without_credit_closes_with_1008() {
    let (router, _gate, _) = gated();
    let (mut raw, peer) = raw(router, |_| {});
    raw.send((0..WINDOW).map(log)).await;
    settle().await;
    assert_eq!((peer.serving(), peer.close_reason()), (WINDOW, None));
    raw.send([log(WINDOW)]).await;
    let Heard::Close(code, reason) = raw.hear().await else { panic!("it closes") };
    assert_eq!((code, &*reason), (1008, "a notification without credit (rpc.allow)"));
}

#[tokio::test(start_paused = true)]
async fn bytes_count_as_well_and_the_last_may_overshoot() {
    let router = || {
        Router::new()
            .ordered(Router::new().notification("log", |_: Context, _: Value| std::future::pending()))
    };
    let text = |bytes: usize| {
        let begin = r#"{"jsonrpc":"2.0","method":"log","params":[""#;
        format!("{begin}{}\"]}}", "x".repeat(bytes - begin.len() - 3))
    };
    let (mut first, peer) = raw(router(), |_| {});
    first.send([text(WINDOW_BYTES - 1), text(WINDOW_BYTES)]).await;
    settle().await;
    assert_eq!(peer.serving(), 2, "one byte was left for the second");
    first.send([text(100)]).await;
    assert!(matches!(first.hear().await, Heard::Close(1008, _)));
}

/// However a notification ends, its sender may send another.
#[tokio::test(start_paused = true)]
async fn credit_comes_back_however_one_ends() {
    let router = Router::new()
        .notification("log", |_: Context, _: (usize,)| async {})
        .notification("later", |_: Context, _: (usize,)| tokio::task::yield_now())
        .notification("panic", |_: Context, _: (usize,)| async { panic!("asked to") })
        .method("add", add);
    for method in ["log", "later", "panic", "unknown", "add"] {
        let (mut raw, _peer) = raw(router.clone(), |_| {});
        let text = json!({"jsonrpc": "2.0", "method": method, "params": [7]}).to_string();
        for sent in (1..=4).map(|times| times * WINDOW / 2) {
            raw.send(std::iter::repeat_n(&text, WINDOW / 2)).await;
            let told = raw.json().await;
            let told = told.pointer("/params").expect("it is an rpc.allow");
            assert_eq!(*told, json!([sent + WINDOW, sent * text.len() + WINDOW_BYTES]), "{method}");
        }
    }
}

/// In a batch each notification counts by its own text.
#[tokio::test(start_paused = true)]
async fn entries_of_batches_count_each() {
    let router = Router::new().notification("log", |_: Context, _: (usize,)| async {});
    let (mut raw, _peer) = raw(router, |_| {});
    let batch = format!("[{}]", vec![log(1); 256].join(" , "));
    raw.send([&batch, &batch]).await;
    assert_eq!(raw.json().await["params"], json!([512 + WINDOW, 512 * log(1).len() + WINDOW_BYTES]));
}

/// A handler that awaits its peer gives the credit of its notification back.
#[tokio::test(start_paused = true)]
async fn credit_comes_back_when_a_handler_awaits_its_peer() {
    let ask = |cx: Context, _: NoParams| async move { drop(cx.peer().call::<Value>("ask", ()).await) };
    let (mut raw, peer) = raw(Router::new().notification("log", ask), |limits| limits.limits.max_open = 600);
    let text = r#"{"jsonrpc":"2.0","method":"log"}"#;
    raw.send(std::iter::repeat_n(text, 512)).await;
    let mut asked = 0;
    loop {
        match raw.json().await {
            word if word["method"] == "rpc.allow" => break,
            call => {
                assert_eq!(call["method"], "ask");
                asked += 1;
            }
        }
    }
    settle().await;
    assert_eq!((asked, peer.serving()), (512, 512), "they are open still");
}

#[tokio::test(start_paused = true)]
async fn a_sender_goes_on_where_the_peer_allows_it() {
    let (mut raw, peer) = raw(Router::new(), |_| {});
    let sender = tokio::spawn(async move {
        for number in 0..WINDOW + 10 {
            peer.notify("log", [number]).await.expect("it is open");
        }
    });
    for number in 0..WINDOW {
        assert_eq!(raw.json().await["params"], json!([number]));
    }
    let mut allowed = WINDOW;
    for more in [1, 2, 3, 4] {
        settle().await;
        // An `rpc.allow` that is malformed, or lower than the last one, changes nothing.
        for params in
            [json!([]), json!([-1, 5]), json!({"items": 9999}), json!(["9999", 9999]), json!([7, 7])]
        {
            raw.send([json!({"jsonrpc": "2.0", "method": "rpc.allow", "params": params}).to_string()]).await;
        }
        settle().await;
        raw.send([allow(allowed + more, usize::MAX)]).await;
        for number in allowed..allowed + more {
            assert_eq!(raw.json().await["params"], json!([number]));
        }
        allowed += more;
    }
    sender.await.expect("all were sent");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_passes_a_window_that_is_used_up() {
    let (mut raw, peer) = raw(Router::new(), |_| {});
    for number in 0..WINDOW {
        peer.notify("log", [number]).await.expect("there is credit");
        raw.json().await;
    }
    let mut waits = Box::pin(peer.notify("log", [WINDOW]));
    assert_eq!(waits.as_mut().now_or_never(), None);
    let mut call = Box::pin(peer.call::<()>("hang", ()));
    assert!(call.as_mut().now_or_never().is_none());
    assert_eq!(raw.json().await["method"], "hang");
    drop(call);
    assert_eq!(raw.json().await, json!({"jsonrpc": "2.0", "method": "rpc.cancel", "params": {"id": 1}}));
    assert_eq!(waits.as_mut().now_or_never(), None, "it waits on");
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_ends_with_its_timeout_and_with_its_connection() {
    let (mut raw, peer) = raw(Router::new(), |_| {});
    for number in 0..WINDOW {
        peer.notify("log", [number]).await.expect("there is credit");
    }
    let bounded = peer.clone().with_timeout(Duration::from_secs(7));
    assert_eq!(bounded.notify("log", [0]).await, Err(CallError::TimedOut));
    let waits = tokio::spawn(peer.notify("log", [1]));
    let batch = peer.batch();
    let mut batch = {
        let mut batch = batch;
        batch.notify("log", [2]);
        Box::pin(batch.send())
    };
    assert!(batch.as_mut().now_or_never().is_none());
    settle().await;
    raw.close(4000, "gone").await;
    for ended in [waits.await.expect("no panic"), batch.await] {
        assert!(matches!(ended, Err(CallError::Disconnected { sent: false, .. })), "{ended:?}");
    }
}

/// A broadcast never waits. Broadcasts without credit are held in order, and are sent before later
/// notifications.
#[tokio::test(start_paused = true)]
async fn broadcasts_are_held_until_there_is_credit() {
    let (mut raw, peer) = raw(Router::new(), |_| {});
    for number in 0..WINDOW + 100 {
        assert_eq!(peer.try_notify(&encoded(number)), Ok(true), "the queue is not full");
    }
    let mut later = Box::pin(peer.notify("log", [WINDOW + 100]));
    assert_eq!(later.as_mut().now_or_never(), None);
    for number in 0..WINDOW {
        assert_eq!(raw.json().await["params"], json!([number]));
    }
    settle().await;
    assert!(peer.buffered_amount() > 0);
    raw.send([allow(WINDOW + 200, usize::MAX)]).await;
    for number in WINDOW..WINDOW + 100 {
        assert_eq!(raw.json().await["params"], json!([number]));
    }
    later.await.expect("it goes behind them");
    assert_eq!(raw.json().await["params"], json!([WINDOW + 100]));
    settle().await;
    assert_eq!(peer.buffered_amount(), 0);
}

/// Held broadcasts count as queued ones, and `WhenFull` applies when both together reach the limit.
#[tokio::test(start_paused = true)]
async fn held_broadcasts_are_bounded_as_the_queue() {
    for (when_full, bound) in
        [(WhenFull::Drop, 10_000), (WhenFull::Buffer, 20_000), (WhenFull::Close, 10_000)]
    {
        let (mut raw, peer) = raw(Router::new(), |config| {
            config.limits.max_queued_bytes = 10_000;
            config.when_full = when_full;
        });
        for number in 0..WINDOW {
            peer.notify("log", [number]).await.expect("there is credit");
            raw.json().await;
        }
        let one = encoded(1000);
        let taken = (0..1000).filter(|_| peer.try_notify(&one) == Ok(true)).count();
        let size = one.size() + 64;
        assert!((taken - 1) * size < bound && taken * size >= bound, "{when_full:?}: {taken} were held");
        settle().await;
        assert_eq!(peer.call::<()>("hang", ()).now_or_never(), None, "a call needs no room of theirs");
        let closes = when_full != WhenFull::Drop;
        assert_eq!(peer.state() == birpc::ConnectionState::Closing, closes, "{when_full:?}");
    }
}

/// A batch needs credit for all its notifications at once.
#[tokio::test(start_paused = true)]
async fn a_batch_waits_until_all_its_notifications_may_go() {
    let (mut raw, peer) = raw(Router::new(), |config| config.limits.max_batch = 5000);
    for number in 0..WINDOW - 2 {
        peer.notify("log", [number]).await.expect("there is credit");
        raw.json().await;
    }
    let mut batch = peer.batch();
    (0..3).for_each(|number| batch.notify("log", [number]));
    let call = batch.call::<i64>("add", (1, 2));
    let mut sent = Box::pin(batch.send());
    assert!(sent.as_mut().now_or_never().is_none(), "two may go, three wait");
    peer.notify("log", ["passes"]).await.expect("one may go");
    assert_eq!(raw.json().await["params"], json!(["passes"]));
    raw.send([allow(WINDOW + 1, usize::MAX)]).await;
    settle().await;
    assert!(sent.as_mut().now_or_never().is_none());
    raw.send([allow(WINDOW + 2, usize::MAX)]).await;
    sent.await.expect("it goes");
    assert_eq!(raw.json().await.as_array().map(Vec::len), Some(4));
    raw.send([r#"{"jsonrpc":"2.0","id":1,"result":3}"#]).await;
    assert_eq!(call.await, Ok(3));

    let mut never = peer.batch();
    (0..=WINDOW).for_each(|number| never.notify("log", [number]));
    assert!(matches!(never.send().await, Err(CallError::Unsendable(_))), "no peer ever allows so many");
}

/// `max_open` handlers await the peer, which has no credit: neither side would ever make progress.
#[tokio::test(start_paused = true)]
async fn a_circle_of_as_many_handlers_as_may_be_open_ends_the_connection() {
    for (granted, closes) in [(0, true), (1, false)] {
        let notify = |cx: Context, _: NoParams| async move { drop(cx.peer().notify("back", ()).await) };
        let (mut raw, peer) = raw(Router::new().notification("there", notify), |config| {
            config.limits.max_open = 512;
            config.limits.write_stall = Duration::from_secs(10);
            config.keepalive = birpc::Keepalive::off();
        });
        for _ in 0..WINDOW {
            peer.notify("back", ()).await.expect("there is credit");
        }
        let there = r#"{"jsonrpc":"2.0","method":"there"}"#;
        raw.send(std::iter::repeat_n(there, WINDOW)).await;
        for second in 0..20 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if granted > 0 {
                raw.send([allow(WINDOW + second + 1, usize::MAX)]).await;
            }
        }
        let reason = peer.close_reason().map(|reason| reason.code);
        assert_eq!(reason, closes.then_some(1013), "{granted} granted in each second");
    }
}

/// Peers of plain JSON-RPC have no credit; their `rpc.allow` is an unknown method.
#[tokio::test]
async fn plain_peers_know_no_credit() {
    bounded(async {
        let router = Router::new().notification("log", |_: Context, _: (usize,)| async {}).method("add", add);
        let (mut raw, peer) = Join::Memory.raw(Some("jsonrpc"), Side::new(router)).await;
        raw.send((0..3 * WINDOW).map(log)).await;
        let answer = raw.ask(r#"{"jsonrpc":"2.0","id":1,"method":"add","params":[1,2]}"#).await;
        assert_eq!(answer["result"], 3, "nothing came before it");
        for number in 0..3 * WINDOW {
            peer.notify("log", [number]).await.expect("it is open");
        }
    })
    .await;
}
