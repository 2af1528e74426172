//! What exceeds a limit is refused, and what is within it continues.

use std::sync::Arc;

use birpc::transport::memory_pair;
use birpc::{CallError, Client, ConnectError, ErrorObject, Initiator, Limits, Router};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::Level;

use crate::support::connection::{HOUR, start, timed};
use crate::support::logs::Logs;
use crate::support::{Join, NoParams, Side, code, listen, over_both};

over_both! {
    a_reply_over_the_limit_is_an_error_and_the_connection_goes_on
    a_call_over_the_limit_is_never_sent
    a_batch_of_replies_stays_within_the_limit
    batches_hold_no_more_replies_than_the_limit
    a_refused_call_is_told_which_limit_it_is_over
    replies_that_just_fit_are_sent
    a_large_reply_in_a_batch_stays_in_its_batch
}

fn sized() -> Router {
    let text = |size: usize| "x".repeat(size);
    Router::new()
        .method("text", move |_, (size,): (usize,)| async move { Ok::<_, ErrorObject>(text(size)) })
        .method("later", move |_, (size,): (usize,)| async move {
            tokio::task::yield_now().await;
            Ok::<_, ErrorObject>(text(size))
        })
        .method("length", |_, (text,): (String,)| async move { Ok::<_, ErrorObject>(text.len()) })
}

const LIMIT: usize = 1000;

async fn a_reply_over_the_limit_is_an_error_and_the_connection_goes_on(join_by: Join) {
    let server = Side::new(sized()).limits(|limits| limits.max_message_out = LIMIT);
    let pair = join_by.peers(Side::default(), server).await;
    for method in ["text", "later"] {
        assert_eq!(code(&pair.client.call::<String>(method, [LIMIT]).await), -32603);
        let fits = pair.client.call::<String>(method, [LIMIT / 2]).await;
        assert_eq!(fits.map(|text| text.len()), Ok(LIMIT / 2));
    }
}

async fn a_call_over_the_limit_is_never_sent(join_by: Join) {
    let server = Side::new(sized()).limits(|limits| limits.max_message_in = LIMIT);
    let client = Side::default().limits(|limits| limits.max_message_out = LIMIT);
    let pair = join_by.peers(client, server).await;
    // Every size around the limit: a message that is sent is always one that the peer accepts.
    for size in LIMIT - 100..LIMIT + 10 {
        let text = "x".repeat(size);
        match pair.client.call::<usize>("length", [&text]).await {
            Ok(length) => assert_eq!(length, size),
            Err(CallError::Unsendable(_)) => assert!(size > LIMIT - 90, "{size}"),
            other => panic!("{size}: {other:?}"),
        }
    }
    let told = pair.client.notify("told", ["x".repeat(LIMIT)]).await;
    assert!(matches!(told, Err(CallError::Unsendable(_))));
    assert_eq!((pair.client.in_flight(), pair.client.close_reason()), (0, None));
}

// A batch does not evade the limit.
async fn a_batch_of_replies_stays_within_the_limit(join_by: Join) {
    let limit = 10 * LIMIT;
    let server = Side::new(sized()).limits(|limits| limits.max_message_out = limit);
    let (mut raw, _) = join_by.raw(None, server).await;
    let entry = |id| json!({"jsonrpc": "2.0", "method": "text", "params": [LIMIT], "id": id});
    raw.send([Value::from_iter((0..30).map(entry)).to_string()]).await;
    let crate::support::Heard::Text(text) = raw.hear().await else { panic!("expected a reply") };
    assert!(text.len() <= limit, "{} bytes", text.len());
}

/// A method that waits until it is released, and then answers with this many bytes.
fn gated(router: Router, method: &str) -> (Router, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let waits = gate.clone();
    let router = router.method(method, move |_, (bytes,): (usize,)| {
        let gate = waits.clone();
        async move {
            gate.acquire().await.expect("it is never closed").forget();
            Ok::<_, ErrorObject>("x".repeat(bytes))
        }
    });
    (router, gate)
}

// Also if their calls began while batches held nothing: a hanging entry would keep the replies of the others.
async fn batches_hold_no_more_replies_than_the_limit(join_by: Join) {
    let (router, quick) = gated(Router::new(), "quick");
    let (router, late) = gated(router, "late");
    let server = Side::new(router).limits(|limits| limits.max_queued_bytes = 5 * LIMIT);
    let (mut raw, peer) = join_by.raw(None, server).await;
    let entry = |method, bytes, id| json!({"jsonrpc": "2.0", "method": method, "params": [bytes], "id": id});
    raw.send((0..20).map(|n| json!([entry("late", 1, n), entry("quick", LIMIT, n + 20)]).to_string())).await;
    while peer.serving() < 40 {
        tokio::task::yield_now().await;
    }
    quick.add_permits(20);
    while peer.serving() > 20 {
        tokio::task::yield_now().await;
    }
    late.add_permits(20);
    let (mut held, mut refused) = (0, 0);
    for _ in 0..20 {
        for reply in raw.json().await.as_array().expect("a batch") {
            match &reply["error"]["code"] {
                Value::Null => held += reply["result"].as_str().map_or(0, str::len),
                code => refused += usize::from(*code == -32603),
            }
        }
    }
    assert!(held <= 6 * LIMIT + 20, "{held} bytes waited for others");
    assert!(refused > 10, "{refused}");
}

async fn a_refused_call_is_told_which_limit_it_is_over(join_by: Join) {
    // Calls that run, then calls that wait, and the limit that the next one is over.
    type Change = fn(&mut Limits);
    let cases: [(usize, &str, Change); 3] = [
        (1, "`max_open`", |limits| limits.max_open = 1),
        (2, "`max_in_flight`", |limits| limits.max_in_flight = 1),
        (1, "`max_parked_bytes`", |limits| (limits.max_in_flight, limits.max_parked_bytes) = (1, 4)),
    ];
    for (open, limit, change) in cases {
        let (router, _gate) = gated(Router::new(), "wait");
        let (mut raw, peer) = join_by.raw(None, Side::new(router).limits(change)).await;
        let call = |id| json!({"jsonrpc": "2.0", "method": "wait", "params": [1_000], "id": id}).to_string();
        raw.send((0..open).map(call)).await;
        while peer.serving() < open {
            tokio::task::yield_now().await;
        }
        let refused = raw.ask(&call(open)).await;
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(open), &json!(-32005)));
        let detail = refused["error"]["data"]["detail"].as_str().expect("a detail");
        assert!(detail.contains(limit), "{limit}: {detail}");
    }
}

// Each limit counts to the byte.
async fn replies_that_just_fit_are_sent(join_by: Join) {
    let entry = |id| json!({"jsonrpc": "2.0", "method": "text", "params": [500], "id": id});
    for request in [entry(1).to_string(), json!([entry(1), entry(2)]).to_string()] {
        let reply = async |limit| {
            let side = Side::new(sized()).limits(|limits| limits.max_message_out = limit);
            join_by.raw(None, side).await.0.ask(&request).await.to_string()
        };
        let whole = reply(1 << 20).await;
        assert!(!whole.contains("error"), "{whole}");
        assert_eq!(reply(whole.len()).await, whole);
        for limit in [whole.len() - 1, whole.len() - 100] {
            let bounded = reply(limit).await;
            assert!(bounded.len() <= limit && bounded.contains("-32603"), "{limit}: {bounded}");
        }
    }
}

// A large reply is sent without a copy, but only if it is not in a batch.
async fn a_large_reply_in_a_batch_stays_in_its_batch(join_by: Join) {
    let (mut raw, _) = join_by.raw(None, Side::new(sized())).await;
    let entry = |size: usize, id| json!({"jsonrpc": "2.0", "method": "text", "params": [size], "id": id});
    let replies = raw.ask(&json!([entry(50_000, 1), entry(1, 2)]).to_string()).await;
    let sizes = |reply: &Value| reply["result"].as_str().map(str::len);
    assert_eq!(
        replies.as_array().map(|all| all.iter().map(sizes).collect()),
        Some(vec![Some(50_000), Some(1)])
    );
}

// There is no reply, so the log reports it, once at a level that is usually seen.
#[tokio::test]
async fn a_notification_that_a_limit_or_its_name_drops_is_warned_of_once() {
    let logs = Logs::hear();
    let (router, _gate) = gated(Router::new(), "wait");
    let side = Side::new(router).limits(|limits| (limits.max_open, limits.max_in_flight) = (1, 1));
    let (mut raw, peer) = Join::Memory.raw(None, side).await;
    let note = |method| json!({"jsonrpc": "2.0", "method": method, "params": [1]}).to_string();
    raw.send([note("wait")]).await;
    while peer.serving() == 0 {
        tokio::task::yield_now().await;
    }
    raw.send([note("wait"), note("wait"), note("unknown"), note("unknown")]).await;
    raw.ask(r#"{"jsonrpc":"2.0","method":"unknown","id":1}"#).await; // all came before
    for (method, limit) in [("method=wait", "max_open"), ("method=unknown", "")] {
        let told = |level| {
            let lines = logs.with(level, "a notification was dropped").into_iter();
            lines.filter(|line| line.contains(method) && line.contains(limit)).count()
        };
        assert_eq!((told(Level::WARN), told(Level::DEBUG)), (1, 1), "{method}");
    }
}

// The peer gets the close code that RFC 6455 defines for this.
#[tokio::test]
async fn a_message_over_the_incoming_limit_closes_with_1009() {
    let server = Side::new(sized()).limits(|limits| limits.max_message_in = LIMIT);
    let pair = Join::Socket.peers(Side::default(), server).await;
    let outcome = pair.client.call::<usize>("length", ["x".repeat(100 * LIMIT)]).await;
    let Err(CallError::Disconnected { reason, sent: true }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((reason.code, reason.initiator, reason.clean), (1009, Initiator::Remote, true));
    let reason = pair.server.closed().await;
    assert_eq!((reason.code, reason.initiator), (1009, Initiator::Local));
}

// The limit for incoming messages applies to incoming messages at both ends.
#[tokio::test]
async fn a_client_closes_with_1009_too() {
    let client = Side::default().limits(|limits| limits.max_message_in = LIMIT);
    let pair = Join::Socket.peers(client, Side::new(sized())).await;
    let outcome = pair.client.call::<String>("text", [LIMIT]).await;
    let Err(CallError::Disconnected { reason, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((reason.code, reason.initiator), (1009, Initiator::Local));
    let reason = pair.server.closed().await;
    assert_eq!((reason.code, reason.initiator), (1009, Initiator::Remote));
}

#[tokio::test]
async fn a_connection_too_many_is_refused_with_503() {
    let pong = Router::new().method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>(1) });
    let mut listening = listen(Side::new(pong).limits(|limits| limits.max_connections = 1)).await;
    let first = Client::connect(&listening.url()).await.expect("a server");
    let second = Client::connect(&listening.url()).await;
    assert!(matches!(second, Err(ConnectError::Refused { status: 503, .. })), "{second:?}");
    assert_eq!(first.peer().call::<i32>("ping", ()).await, Ok(1));
    let peer = listening.connected.recv().await.expect("the server runs");
    first.close(1000, "").expect("it may be sent");
    peer.closed().await;
    // The slot is free as soon as the connection's task has ended, which only an attempt shows.
    while Client::connect(&listening.url()).await.is_err() {
        tokio::task::yield_now().await;
    }
}

// The limits of the sending server apply to a broadcast.
#[tokio::test]
async fn a_broadcast_knows_the_servers_limits() {
    for (limit, size, is_sent) in [(100, 200, false), (4 << 20, 2 << 20, true)] {
        let listening = listen(Side::default().limits(|limits| limits.max_message_out = limit)).await;
        let sent = listening.handle.peers().notify("told", ["x".repeat(size)]);
        assert_eq!(sent.is_ok(), is_sent, "{size} bytes where {limit} are the limit: {sent:?}");
    }
}

// Only the handler that frees its slot wakes the idle connection.
#[tokio::test(start_paused = true)]
async fn a_call_that_waits_its_turn_starts_when_a_slot_is_free() {
    let (near, far) = memory_pair();
    let (client, _) = start(near, Router::new(), |_| {});
    let (_server, _) = start(far, timed(), |config| config.limits.max_in_flight = 1);
    let calls = try_join_all([client.call::<u64>("slow", (10,)), client.call::<u64>("slow", (10,))]);
    assert_eq!(timeout(HOUR, calls).await.expect("the second starts"), Ok(vec![10, 10]));
}
