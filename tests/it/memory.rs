//! The memory that a peer that does not read can make this side hold. The clock is paused: it advances only
//! when all tasks wait.

use std::sync::Arc;
use std::time::Duration;

use birpc::transport::{Frame, MemoryTransport, Transport, memory_pair};
use birpc::{
    CallError, CloseReason, Config, Connection, ConnectionInfo, EncodedNotification, ErrorObject, Peer,
    RawValue, Router, WhenFull,
};
use serde_json::json;
use std::future::poll_fn;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::NoParams;

/// A megabyte, as large as a message may be by default.
const LARGE: usize = 1_000_000;

const QUEUE: usize = 4 << 20;

/// The in-memory transport's own buffer, in which one more message always fits.
const TRANSPORT: usize = LARGE + (256 << 10);

fn start(
    router: Router,
    change: impl FnOnce(&mut Config),
) -> (Peer, JoinHandle<CloseReason>, MemoryTransport) {
    let (ours, theirs) = memory_pair();
    let mut config = Config::default();
    change(&mut config);
    let (peer, connection) = Connection::new(ours, Arc::new(config), ConnectionInfo::default());
    (peer, tokio::spawn(connection.serve(router)), theirs)
}

async fn recv(transport: &mut MemoryTransport) -> Option<Frame> {
    poll_fn(|cx| transport.poll_recv(cx)).await?.ok()
}

/// Two hundred handlers run when the peer stops reading, and all of them then reply with a megabyte.
#[tokio::test(start_paused = true)]
async fn replies_of_running_handlers_are_bounded() {
    let gate = Arc::new(Semaphore::new(0));
    let (began, mut begun) = mpsc::unbounded_channel();
    let held = gate.clone();
    // Already JSON text, so that no time is spent on serialising it for each of them.
    let large = Arc::new(RawValue::from_string(format!("\"{}\"", "x".repeat(LARGE))).expect("JSON"));
    let router = Router::new().method("large", move |_, _: NoParams| {
        let (held, large) = (held.clone(), large.clone());
        began.send(()).expect("the test listens");
        async move {
            held.acquire().await.expect("it stays open").forget();
            Ok::<_, ErrorObject>(Box::clone(&large))
        }
    });
    let (peer, _ended, mut theirs) = start(router, |_| {});
    for id in 0..200 {
        let request = json!({"jsonrpc": "2.0", "method": "large", "id": id});
        theirs.send(Frame::Text(request.to_string().into())).expect("it is open");
    }
    for _ in 0..200 {
        begun.recv().await.expect("they run");
    }
    gate.add_permits(200);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let held = peer.buffered_amount();
    assert!((2 * QUEUE..=2 * QUEUE + LARGE + TRANSPORT).contains(&held), "{held} bytes are held");
    for _ in 0..200 {
        let Some(Frame::Text(reply)) = recv(&mut theirs).await else { panic!("a reply for each call") };
        assert!(reply.len() > LARGE, "once the peer reads it gets them all");
    }
    assert_eq!((peer.serving(), peer.close_reason()), (0, None));
}

/// A million notifications, one after the other: they wait, hold no more than the queue, and end with the
/// peer.
#[tokio::test(start_paused = true)]
async fn a_million_notifications_at_a_stalled_peer_hold_no_more_than_the_queue() {
    let (peer, ended, _theirs) = start(Router::new(), |_| {});
    let begin = Instant::now();
    let (mut sent, mut most) = (0, 0);
    let outcome = loop {
        match peer.notify("tick", (sent, "x".repeat(100))).await {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        most = most.max(peer.buffered_amount());
        assert!(sent < 1_000_000, "they do not wait");
    };
    assert!(most <= QUEUE + TRANSPORT, "{most} bytes were held");
    match outcome {
        CallError::Disconnected { reason, sent: false } => assert_eq!(reason.code, 1013),
        other => panic!("{other:?}"),
    }
    assert_eq!(begin.elapsed().as_secs(), 30, "as long as a peer may read nothing");
    assert_eq!(ended.await.expect("no panic").code, 1013);
}

/// Broadcasts to a peer that reads nothing, until one is dropped. Returns the bytes that are held then.
async fn broadcast_until_missed(peer: &Peer) -> usize {
    let text = EncodedNotification::new("m", ["x".repeat(1000)]).expect("it serialises");
    for _ in 0..1_000_000 {
        if !peer.try_notify(&text).expect("it is within the limit") {
            return peer.buffered_amount();
        }
        tokio::task::yield_now().await;
    }
    panic!("a broadcast is never missed")
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_passes_by_a_full_queue() {
    let (peer, _ended, mut theirs) = start(Router::new(), |_| {});
    let held = broadcast_until_missed(&peer).await;
    assert!(held <= QUEUE + TRANSPORT, "{held} bytes are held");
    assert_eq!(peer.close_reason(), None);
    while recv(&mut theirs).await.is_some() {
        if peer.buffered_amount() == 0 {
            break;
        }
    }
    let next = EncodedNotification::new("m", ()).expect("it serialises");
    assert!(peer.try_notify(&next).expect("it is short"), "once it reads it hears the next");
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_may_wait_for_a_peer_as_long_as_there_is_room() {
    let (peer, ended, mut theirs) = start(Router::new(), |config| config.when_full = WhenFull::Buffer);
    let held = broadcast_until_missed(&peer).await;
    assert!(held > 2 * QUEUE * 9 / 10 && held <= 2 * QUEUE + TRANSPORT, "{held} bytes are held");
    assert_eq!(ended.await.expect("no panic").code, 1013, "what it missed it knows of");
    while recv(&mut theirs).await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_may_close_a_peer_whose_queue_is_full() {
    let (peer, ended, _theirs) = start(Router::new(), |_| {});
    peer.set_when_full(WhenFull::Close);
    let held = broadcast_until_missed(&peer).await;
    assert!(held <= QUEUE + TRANSPORT, "{held} bytes are held");
    assert_eq!(ended.await.expect("no panic").code, 1013);
}
