//! Either peer calls the other, at the same time, and neither can starve the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use birpc::transport::{Frame, Transport, memory_pair};
use birpc::{CallError, Context, ErrorObject, Peer, Router};
use futures_util::future::{join, join_all, try_join_all};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::timeout;

use crate::support::connection::{HOUR, recv, start};
use crate::support::{Join, NoParams, Raw, Record, Side, code, over_both};

over_both! {
    handlers_that_call_back_three_deep_complete_at_any_limit
    past_max_open_a_call_is_refused_at_once
    past_the_running_and_the_parked_a_call_is_refused_at_once
    what_is_parked_starts_whenever_a_slot_comes_free
    a_thousand_relays_both_ways_complete_with_the_defaults
    ten_thousand_relays_complete_with_raised_limits
    ten_thousand_calls_are_in_flight_both_ways_with_equal_ids
    responses_are_never_answered
    malformed_responses_are_not_answered_either
}

/// Calls itself on the other side until `depth` is 0.
fn nesting() -> Router {
    Router::new().method("nest", |cx: Context, (depth,): (u32,)| async move {
        Ok::<u32, ErrorObject>(match depth {
            0 => 0,
            _ => 1 + cx.peer().call::<u32>("nest", [depth - 1]).await?,
        })
    })
}

// A handler that awaits the peer holds no slot, whatever the limit.
async fn handlers_that_call_back_three_deep_complete_at_any_limit(join_by: Join) {
    for limit in [1, 2, 8] {
        let side = || Side::new(nesting()).in_flight(limit);
        let pair = join_by.peers(side(), side()).await;
        // Six hops are three handlers deep on each side.
        let calls = |peer: &Peer| join_all((0..limit).map(|_| peer.call::<u32>("nest", [6])));
        let (from_client, from_server) = join(calls(&pair.client), calls(&pair.server)).await;
        assert_eq!(from_client, vec![Ok(6); limit], "limit {limit}");
        assert_eq!(from_server, vec![Ok(6); limit], "limit {limit}");
        assert_eq!((pair.client.in_flight(), pair.server.in_flight()), (0, 0));
    }
}

// The open calls are bounded as well; when the bound is exceeded, a call is refused and does not wait.
async fn past_max_open_a_call_is_refused_at_once(join_by: Join) {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let release = Arc::new(Semaphore::new(0));
    let released = release.clone();
    let client = Router::new().method("wait", move |_, _: NoParams| {
        let (arrived, released) = (arrived.clone(), released.clone());
        async move {
            arrived.send(()).expect("the test listens");
            released.acquire().await.expect("it is never closed").forget();
            Ok::<_, ErrorObject>(7)
        }
    });
    let server = Router::new().method("back", |cx: Context, _: NoParams| async move {
        Ok::<i32, ErrorObject>(cx.peer().call("wait", ()).await?)
    });
    let server = Side::new(server).limits(|limits| (limits.max_in_flight, limits.max_open) = (1, 3));
    let pair = join_by.peers(Side::new(client), server).await;
    let open: Vec<_> = (0..3)
        .map(|_| {
            let peer = pair.client.clone();
            tokio::spawn(async move { peer.call::<i32>("back", ()).await })
        })
        .collect();
    for _ in 0..3 {
        arrivals.recv().await.expect("a handler that waits for us");
    }
    assert_eq!(pair.server.serving(), 3);
    assert_eq!(code(&pair.client.call::<i32>("back", ()).await), -32005);
    release.add_permits(3);
    for call in open {
        assert_eq!(call.await.expect("no panic"), Ok(7));
    }
    release.add_permits(1);
    assert_eq!(pair.client.call::<i32>("back", ()).await, Ok(7), "there is room again");
}

// Calls that wait for a slot count as open.
async fn past_the_running_and_the_parked_a_call_is_refused_at_once(join_by: Join) {
    let release = Arc::new(Semaphore::new(0));
    let released = release.clone();
    let router = Router::new().method("hold", move |_, (number,): (u32,)| {
        let released = released.clone();
        async move {
            released.acquire().await.expect("it is never closed").forget();
            Ok::<_, ErrorObject>(number)
        }
    });
    let pair = join_by.peers(Side::default(), Side::new(router).in_flight(1)).await;
    let call = |number: u32| pair.client.call::<u32>("hold", [number]);
    let refused = async {
        let refused = call(2).await;
        release.add_permits(2);
        refused
    };
    // They go out in this order.
    let ((running, parked), refused) = join(join(call(0), call(1)), refused).await;
    assert_eq!(code(&refused), -32005);
    assert_eq!((running, parked), (Ok(0), Ok(1)), "what was parked starts as soon as there is a slot");
}

// This works even if nothing else happens on the connection afterwards.
async fn what_is_parked_starts_whenever_a_slot_comes_free(join_by: Join) {
    let router = Router::new().method("yield", |_, (number,): (u32,)| async move {
        tokio::task::yield_now().await; // so that it ends on a task of its own
        Ok::<_, ErrorObject>(number)
    });
    let pair = join_by.peers(Side::default(), Side::new(router).in_flight(1)).await;
    for _ in 0..3000 {
        let call = |number: u32| pair.client.call::<u32>("yield", [number]);
        assert_eq!(join(call(0), call(1)).await, (Ok(0), Ok(1)));
    }
}

fn relaying() -> Router {
    Router::new()
        .method("relay", |cx: Context, (method, params): (String, Box<RawValue>)| async move {
            Ok::<Box<RawValue>, ErrorObject>(cx.peer().call(&method, params).await?)
        })
        .method("add", |_, (a, b): (u64, u64)| async move { Ok::<_, ErrorObject>(a + b) })
}

async fn relay_storm(peer: &Peer, count: u64) {
    let relays = (0..count).map(|n| peer.call::<u64>("relay", ("add", (n, 1))));
    let sums = try_join_all(relays).await.expect("every relay answers");
    assert!(sums.into_iter().eq(1..=count));
}

async fn a_thousand_relays_both_ways_complete_with_the_defaults(join_by: Join) {
    let pair = join_by.peers(Side::new(relaying()), Side::new(relaying())).await;
    join(relay_storm(&pair.client, 1000), relay_storm(&pair.server, 1000)).await;
}

async fn ten_thousand_relays_complete_with_raised_limits(join_by: Join) {
    let side = || Side::new(relaying()).in_flight(10_000);
    let pair = join_by.peers(side(), side()).await;
    relay_storm(&pair.client, 10_000).await;
}

/// Handlers that all wait until the test releases them.
struct Parking {
    ids: [Record<u64>; 2],
    parked: AtomicUsize,
    all_in: Notify,
    release: Semaphore,
}

impl Parking {
    fn router(self: &Arc<Self>, side: usize, all: usize) -> Router {
        let parking = self.clone();
        Router::new().method("park", move |cx: Context, (number,): (u64,)| {
            let parking = parking.clone();
            async move {
                let id = cx.id().expect("a request").to_string();
                parking.ids[side].push(id.parse().expect("birpc counts"));
                if parking.parked.fetch_add(1, Ordering::AcqRel) + 1 == all {
                    parking.all_in.notify_one();
                }
                let _permit = parking.release.acquire().await;
                Ok::<_, ErrorObject>(number)
            }
        })
    }
}

// Both sides count from 1, so every id is in flight twice.
async fn ten_thousand_calls_are_in_flight_both_ways_with_equal_ids(join_by: Join) {
    const COUNT: u64 = 10_000;
    let parking = Arc::new(Parking {
        ids: Default::default(),
        parked: AtomicUsize::new(0),
        all_in: Notify::new(),
        release: Semaphore::new(0),
    });
    let side = |side| Side::new(parking.router(side, 2 * COUNT as usize)).in_flight(COUNT as usize);
    let pair = join_by.peers(side(0), side(1)).await;
    let calls = |peer: &Peer| try_join_all((0..COUNT).map(|n| peer.call::<u64>("park", [n])));
    let all_in = async {
        parking.all_in.notified().await;
        let in_flight = (pair.client.in_flight(), pair.server.in_flight());
        let serving = (pair.client.serving(), pair.server.serving());
        parking.release.close(); // which lets everyone go
        (in_flight, serving)
    };
    let calls = join(calls(&pair.client), calls(&pair.server));
    let ((from_client, from_server), (in_flight, serving)) = join(calls, all_in).await;
    assert_eq!(in_flight, (10_000, 10_000));
    assert!(serving.0 >= 9_999 && serving.1 >= 9_999, "{serving:?}"); // the last is only being entered
    assert!(from_client.expect("all answer").into_iter().eq(0..COUNT));
    assert!(from_server.expect("all answer").into_iter().eq(0..COUNT));
    for ids in &parking.ids {
        let mut ids = ids.take();
        ids.sort_unstable();
        assert!(ids.into_iter().eq(1..=COUNT));
    }
}

fn ponging() -> Side {
    Side::new(
        Router::new().method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>("pong".to_owned()) }),
    )
}

/// The reply to a request is the peer's next message, so it has sent nothing before.
async fn expect_silence_before_a_ping(raw: &mut Raw) {
    let reply = raw.ask(r#"{"jsonrpc":"2.0","method":"ping","id":"fence"}"#).await;
    assert_eq!(reply, json!({"jsonrpc": "2.0", "id": "fence", "result": "pong"}));
}

async fn responses_are_never_answered(join_by: Join) {
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), ponging()).await;
    let bogus = [
        json!({"jsonrpc": "2.0", "id": 1, "result": 1}),
        json!({"jsonrpc": "2.0", "id": "x", "result": null}),
        json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "Parse error"}}),
        json!({"jsonrpc": "2.0", "id": 2, "error": {"code": -32600, "message": "Invalid Request"}}),
        json!({"jsonrpc": "2.0", "id": {}, "result": 1}),
        json!({"jsonrpc": "2.0", "error": "no object"}),
        json!({"id": 3, "result": 1}),
        json!({"jsonrpc": "2.0", "id": 4, "result": 1, "error": {"code": 1, "message": ""}}),
    ];
    let texts: Vec<String> = bogus.iter().map(Value::to_string).collect();
    for _ in 0..500 {
        raw.send(&texts).await;
    }
    raw.send([Value::from_iter(bogus).to_string()]).await; // as a batch
    expect_silence_before_a_ping(&mut raw).await;
    assert_eq!(peer.unmatched_responses(), 501 * 8);
    assert_eq!(peer.in_flight(), 0);
}

// A message with a result or an error and without a method is a response, valid or not.
async fn malformed_responses_are_not_answered_either(join_by: Join) {
    let (mut raw, peer) = join_by.raw(None, ponging()).await;
    raw.send([
        r#"{"jsonrpc":"2.0","id":1,"result":1,"result":2}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"result":2}"#,
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":""}}"#,
    ])
    .await;
    expect_silence_before_a_ping(&mut raw).await;
    assert_eq!(peer.unmatched_responses(), 3);
}

// If it were treated as an invalid request, it would be answered, and the call would wait for ever.
#[tokio::test(start_paused = true)]
async fn a_response_with_a_member_twice_ends_its_call_and_is_not_answered() {
    let twice = [
        r#"{"jsonrpc":"2.0","id":1,"result":1,"result":2}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""},"error":{"code":2,"message":""}}"#,
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"result":1}"#,
    ];
    for response in twice {
        let (near, mut raw) = memory_pair();
        let (peer, _) = start(near, Router::new(), |_| {});
        let call = tokio::spawn(peer.call::<u64>("anything", ()).with_timeout(HOUR));
        recv(&mut raw).await.expect("the request");
        raw.send(Frame::Text(response.into())).expect("a peer");
        let outcome = call.await.expect("no panic");
        assert!(matches!(outcome, Err(CallError::Undecodable(_)) | Ok(1)), "{response}: {outcome:?}");
        assert!(timeout(HOUR, recv(&mut raw)).await.is_err(), "{response} is answered");
    }
}
