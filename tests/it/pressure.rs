//! Silent peers, peers that do not read, and two peers that push at once. The clock is paused: it advances
//! only when all tasks wait.

use std::sync::Arc;
use std::time::Duration;

use birpc::transport::{Frame, MemoryTransport, Role, Transport, WebSocket, memory_pair};
use birpc::{
    CallError, CloseReason, Config, Connection, ConnectionInfo, ErrorObject, Initiator, Limits, Peer, Router,
};
use futures_util::FutureExt;
use futures_util::future::{join, try_join_all};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::support::connection::{self, recv, timed};

fn router() -> Arc<Router> {
    let echo = |_, (text,): (String,)| async move { Ok::<_, ErrorObject>(text) };
    Arc::new(Router::new().method("echo", echo))
}

fn start(transport: MemoryTransport, change: impl FnOnce(&mut Config)) -> (Peer, JoinHandle<CloseReason>) {
    let mut config = Config::default();
    change(&mut config);
    let (peer, connection) = Connection::new(transport, Arc::new(config), ConnectionInfo::default());
    (peer, tokio::spawn(connection.serve(router())))
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_then_given_up() {
    let (ours, mut theirs) = memory_pair();
    let (peer, ended) = start(ours, |_| {});
    let begin = Instant::now();
    // Without a poll the other end answers no ping, like a peer that hangs.
    let reason = ended.await.expect("it ends");
    assert_eq!(begin.elapsed().as_secs(), 40);
    assert_eq!((reason.code, reason.initiator, reason.clean), (1006, Initiator::Network, false));
    assert_eq!(peer.closed().await, reason);
    assert!(matches!(recv(&mut theirs).await, Some(Frame::Ping(_))));
}

#[tokio::test(start_paused = true)]
async fn a_control_frame_is_life() {
    let (ours, mut theirs) = memory_pair();
    let (peer, ended) = start(ours, |_| {});
    let begin = Instant::now();
    for _ in 0..10 {
        tokio::time::advance(Duration::from_secs(19)).await;
        theirs.send(Frame::Pong("anything".into())).expect("it is open");
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.close_reason(), None);
    ended.await.expect("it ends");
    // Missed pings do not add up: both periods count from the last byte.
    assert_eq!(begin.elapsed().as_secs(), 190 + 40);
}

#[tokio::test(start_paused = true)]
async fn keepalive_can_be_off() {
    let (ours, _theirs) = memory_pair();
    let (peer, _) = start(ours, |config| config.keepalive = birpc::Keepalive::off());
    let day = Duration::from_secs(24 * 3600);
    assert!(timeout(day, peer.closed()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_and_never_reads_is_closed() {
    let (ours, mut theirs) = memory_pair();
    let (_, ended) = start(ours, |config| config.limits.max_queued_bytes = 64 << 10);
    let begin = Instant::now();
    let text = "x".repeat(1000);
    for id in 0..20_000 {
        let request =
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"echo\",\"params\":[\"{text}\"]}}");
        theirs.send(Frame::Text(request.into())).expect("it is open");
    }
    let reason = ended.await.expect("it ends");
    assert_eq!((reason.code, reason.initiator), (1013, Initiator::Local));
    // Half a minute for the stall, and five seconds for the close frame that is never read.
    assert_eq!(begin.elapsed().as_secs(), 35);
    let mut received = 0;
    while let Some(frame) = recv(&mut theirs).await {
        received += matches!(frame, Frame::Text(_)) as usize;
    }
    assert!((1..2000).contains(&received), "{received} replies were written for a peer that reads none");
}

#[tokio::test(start_paused = true)]
async fn two_peers_that_push_large_replies_do_not_stop_each_other() {
    let (left, right) = memory_pair();
    let raise = |config: &mut Config| config.limits.max_queued_bytes = 256 << 10;
    let ((left, _), (right, _)) = (start(left, raise), start(right, raise));
    let text = "x".repeat(20_000);
    let push = |peer: &Peer| try_join_all((0..1000).map(|_| peer.call::<String>("echo", [&text])));
    let (there, back) = join(push(&left), push(&right)).await;
    assert!([there, back].into_iter().all(|replies| replies.expect("replies").len() == 1000));
    assert_eq!((left.in_flight(), right.in_flight(), left.serving(), right.serving()), (0, 0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn calls_and_notifications_wait_for_room() {
    let (ours, mut theirs) = memory_pair();
    let (peer, _) = start(ours, |config| config.limits.max_queued_bytes = 10_000);
    let text = "x".repeat(1000);
    let mut sent = 0;
    // The other end reads nothing: its buffer fills, then the queue.
    while peer.notify("said", [&text]).now_or_never().is_some() {
        sent += 1;
        tokio::task::yield_now().await;
        assert!(sent < 1000, "the queue has no bound");
    }
    let mut call = Box::pin(peer.call::<String>("echo", [&text]));
    assert!((&mut call).now_or_never().is_none());
    let dropped = peer.call::<String>("echo", [&text]);
    assert!(dropped.now_or_never().is_none());
    assert_eq!(peer.in_flight(), 1, "a call that is dropped while it waits leaves nothing");

    let timed_out = peer.call::<String>("echo", [&text]).with_timeout(Duration::from_secs(1)).await;
    assert_eq!(timed_out, Err(CallError::TimedOut), "the wait for room is part of the call");

    let answer = async {
        for _ in 0..sent {
            assert!(matches!(recv(&mut theirs).await, Some(Frame::Text(text)) if text.ends_with(b"]}")));
        }
        let Some(Frame::Text(request)) = recv(&mut theirs).await else { panic!("no request") };
        let request: serde_json::Value = serde_json::from_slice(&request).expect("JSON");
        let reply = format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":\"done\"}}", request["id"]);
        theirs.send(Frame::Text(reply.into())).expect("it is open");
        theirs
    };
    let (reply, _theirs) = join(call, answer).await;
    assert_eq!(reply.as_deref(), Ok("done"));
}

#[tokio::test(start_paused = true)]
async fn a_close_goes_out_behind_what_was_sent_before_it() {
    let (ours, mut theirs) = memory_pair();
    let (peer, ended) = start(ours, |_| {});
    for number in 0..10 {
        peer.notify("count", [number]).await.expect("it is open");
    }
    peer.close(4000, "done").expect("a code that may be sent");
    for _ in 0..10 {
        assert!(matches!(recv(&mut theirs).await, Some(Frame::Text(_))));
    }
    assert!(matches!(recv(&mut theirs).await, Some(Frame::Close(Some(close))) if close.reason() == "done"));
    let reason = ended.await.expect("it ends");
    assert_eq!((reason.code, reason.clean, reason.initiator), (4000, true, Initiator::Local));
    assert_eq!(peer.close_reason(), Some(reason), "it is told alike afterwards");
}

#[tokio::test(start_paused = true)]
async fn a_close_does_not_wait_for_a_peer_that_does_not_read() {
    let (ours, _theirs) = memory_pair();
    let (peer, ended) = start(ours, |_| {});
    let text = "x".repeat(1000);
    while peer.notify("said", [&text]).now_or_never().is_some() {
        tokio::task::yield_now().await;
    }
    let begin = Instant::now();
    peer.close(1000, "enough").expect("a code that may be sent");
    let reason = ended.await.expect("it ends");
    assert_eq!((reason.code, reason.clean), (1000, false));
    assert!(begin.elapsed() <= Duration::from_secs(10), "{:?}", begin.elapsed());
}

// If both stopped reading until the other had read, they would wait for each other until both stall.
#[tokio::test(start_paused = true)]
async fn two_peers_that_push_large_replies_over_a_websocket_do_not_stop_each_other() {
    let (near, far) = tokio::io::duplex(1 << 16);
    let side = async |stream, role| {
        let transport = WebSocket::new(stream, vec![], role, &Limits::default());
        connection::start(transport, timed(), |config| config.limits.max_queued_bytes = 256 << 10).0
    };
    let (left, right) = (side(near, Role::Client).await, side(far, Role::Server).await);
    // All replies are ready at the same time.
    let push = |peer: &Peer| try_join_all((0..200).map(|_| peer.call::<String>("text", (200, 20_000))));
    let (there, back) = join(push(&left), push(&right)).await;
    assert!([there, back].into_iter().all(|replies| replies.expect("replies").len() == 200));
    assert_eq!((left.in_flight(), right.in_flight(), left.serving(), right.serving()), (0, 0, 0, 0));
}

// The close frame waits behind a queue that never moves; both waits share one time limit.
#[tokio::test(start_paused = true)]
async fn a_close_to_a_peer_that_reads_nothing_takes_one_close_timeout() {
    let (near, _raw) = memory_pair();
    let (peer, ended) = connection::start(near, Router::new(), |_| {});
    while peer.notify("said", ["x".repeat(1000)]).now_or_never().is_some() {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    peer.close(1001, "").expect("it may be sent");
    let reason = ended.await.expect("no panic");
    assert_eq!((reason.code, reason.clean, began.elapsed().as_secs()), (1001, false, 5));
}
