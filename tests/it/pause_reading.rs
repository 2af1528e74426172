//! With `pause_reading`, a plain JSON-RPC peer waits while as many of its calls wait as may.

use std::sync::Arc;
use std::time::Duration;

use birpc::{Context, ErrorObject, Keepalive, Peer, Router};
use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::support::{Join, NoParams, Raw, Record, Side, bounded, over_both};

/// What a test controls.
#[derive(Clone)]
struct Gate {
    /// Permits for `log`, one each.
    permits: Arc<Semaphore>,
    logged: Record<usize>,
}

impl Gate {
    fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(0)), logged: Record::default() }
    }

    fn router(&self) -> Router {
        let gate = self.clone();
        let log = move |_: Context, (number,): (usize,)| {
            let gate = gate.clone();
            async move {
                gate.permits.acquire().await.expect("it stays open").forget();
                gate.logged.push(number);
            }
        };
        let ask = |cx: Context, _: NoParams| async move { cx.peer().call::<i64>("number", ()).await };
        Router::new()
            .ordered(Router::new().notification("log", log))
            .method("add", |_: Context, (a, b): (i64, i64)| async move { Ok::<_, ErrorObject>(a + b) })
            .method("ask", move |cx, params| {
                let asked = ask(cx, params);
                async move { asked.await.map_err(ErrorObject::from) }
            })
    }

    /// A side that lets four calls wait.
    fn side(&self) -> Side {
        Side::new(self.router())
            .limits(|limits| limits.max_in_flight = 4)
            .config(|config| config.pause_reading = true)
    }
}

fn log(number: usize) -> String {
    json!({"jsonrpc": "2.0", "method": "log", "params": [number]}).to_string()
}

fn add(id: u64) -> String {
    json!({"jsonrpc": "2.0", "method": "add", "params": [1, 2], "id": id}).to_string()
}

/// Sends so many notifications, and then a request with this id.
async fn flood(raw: &mut Raw, many: usize, id: u64) {
    for number in 0..many {
        raw.send([log(number)]).await;
    }
    raw.send([add(id)]).await;
}

async fn none_is_dropped_however_slow_the_handler_is(join_by: Join) {
    let gate = Gate::new();
    let (mut raw, peer) = join_by.raw(None, gate.side()).await;
    let permits = gate.permits.clone();
    let opening = tokio::spawn(async move {
        for _ in 0..500 {
            permits.add_permits(1);
            tokio::task::yield_now().await;
        }
    });
    flood(&mut raw, 500, 1).await;
    assert_eq!(bounded(raw.json()).await["result"], 3);
    opening.await.expect("it runs");
    let mut logged = Vec::new();
    while logged.len() < 500 {
        logged.extend(gate.logged.take());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(logged.into_iter().eq(0..500), "in order");
    assert_eq!(peer.dropped_notifications(), 0);
}

over_both! { none_is_dropped_however_slow_the_handler_is }

/// Lets everything run that can, while the paused clock stands still.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Waits until reading has paused: four wait beside the one that runs.
async fn paused(peer: &Peer) {
    while peer.serving() < 5 {
        tokio::task::yield_now().await;
    }
    settle().await;
    assert_eq!((peer.serving(), peer.dropped_notifications()), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn reading_goes_on_when_half_of_them_have_started() {
    let gate = Gate::new();
    let (mut raw, peer) = Join::Memory.raw(None, gate.side()).await;
    let begun = Instant::now();
    flood(&mut raw, 5, 1).await;
    paused(&peer).await;
    // One runs, four wait. The limit's half is two.
    gate.permits.add_permits(1);
    while peer.serving() == 5 {
        tokio::task::yield_now().await;
    }
    settle().await;
    assert!(raw.json().now_or_never().is_none(), "three wait still");
    gate.permits.add_permits(1);
    assert_eq!(bounded(raw.json()).await["result"], 3);
    assert_eq!(begun.elapsed(), Duration::ZERO, "it did not wait for a time");
    assert_eq!(peer.dropped_notifications(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_this_side_ends_the_pause_at_once() {
    let gate = Gate::new();
    let (mut raw, peer) = Join::Memory.raw(None, gate.side()).await;
    flood(&mut raw, 5, 1).await;
    paused(&peer).await;
    let begun = Instant::now();
    let asked = tokio::spawn(peer.call::<i64>("number", ()));
    // While the call waits, everything is read.
    let mut heard = [raw.json().await, raw.json().await];
    heard.sort_by_key(|message| message["method"].is_string());
    assert_eq!(heard[0]["result"], 3, "{heard:?}");
    let request: &Value = &heard[1];
    raw.send([json!({"jsonrpc": "2.0", "id": request["id"], "result": 42}).to_string()]).await;
    assert_eq!(bounded(asked).await.expect("it runs"), Ok(42));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    // After that reading is paused again.
    raw.send([add(2)]).await;
    paused(&peer).await;
    assert!(raw.json().now_or_never().is_none());
    gate.permits.add_permits(9);
    assert_eq!(bounded(raw.json()).await["result"], 3);
}

#[tokio::test(start_paused = true)]
async fn reading_goes_on_after_half_of_the_keepalives_timeout() {
    let gate = Gate::new();
    let keepalive = Keepalive::every(Duration::from_secs(60), Duration::from_secs(8));
    let side = gate.side().config(|config| config.keepalive = keepalive);
    let (mut raw, peer) = Join::Memory.raw(None, side).await;
    let begun = Instant::now();
    flood(&mut raw, 7, 1).await;
    assert_eq!(raw.json().await["result"], 3);
    assert_eq!(begun.elapsed(), Duration::from_secs(4));
    // From then on limits apply. The next pause begins only after half of them have started.
    assert_eq!((peer.serving(), peer.dropped_notifications()), (5, 2));
    raw.send([log(8), add(2)]).await;
    assert_eq!(raw.json().await["result"], 3);
    assert_eq!((begun.elapsed(), peer.dropped_notifications()), (Duration::from_secs(4), 3));
    gate.permits.add_permits(5);
    while peer.serving() > 0 {
        tokio::task::yield_now().await;
    }
    flood(&mut raw, 5, 3).await;
    while peer.serving() < 5 {
        tokio::task::yield_now().await;
    }
    settle().await;
    assert!(raw.json().now_or_never().is_none(), "it is paused again");
}

#[tokio::test(start_paused = true)]
async fn params_past_the_bytes_are_the_last_that_are_read() {
    let gate = Gate::new();
    let side = gate.side().limits(|limits| (limits.max_in_flight, limits.max_parked_bytes) = (100, 6));
    let (mut raw, peer) = Join::Memory.raw(None, side).await;
    // One runs; the params of each have five bytes or more.
    raw.send((100..103).map(log)).await;
    raw.send([add(1)]).await;
    while peer.serving() < 3 {
        tokio::task::yield_now().await;
    }
    settle().await;
    assert_eq!((peer.serving(), peer.dropped_notifications()), (3, 0), "the third passes the limit");
    gate.permits.add_permits(3);
    assert_eq!(bounded(raw.json()).await["result"], 3);
    assert_eq!(peer.dropped_notifications(), 0);
}

#[tokio::test]
async fn a_peer_of_birpc_is_answered_past_the_limit() {
    let gate = Gate::new();
    let (mut raw, _peer) = Join::Memory.raw(Some("birpc.v1"), gate.side()).await;
    let hang = |id| json!({"jsonrpc": "2.0", "method": "ask", "id": id}).to_string();
    raw.send((1..4).map(hang)).await;
    flood(&mut raw, 10, 9).await;
    loop {
        let heard = bounded(raw.json()).await;
        if heard["id"] == 9 {
            break assert_eq!(heard["result"], 3);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_of_this_side_does_not_wait_for_the_pause() {
    let gate = Gate::new();
    let (mut raw, peer) = Join::Memory.raw(None, gate.side()).await;
    flood(&mut raw, 7, 1).await;
    paused(&peer).await;
    let begun = Instant::now();
    peer.close(1000, "done").expect("it may be sent");
    assert!(matches!(bounded(raw.hear()).await, crate::support::Heard::Close(1000, _)));
    drop(raw);
    bounded(peer.closed()).await;
    assert!(begun.elapsed() <= Duration::from_secs(1), "{:?}", begun.elapsed());
}
