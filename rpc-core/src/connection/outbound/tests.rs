use std::future::poll_fn;
use std::task::Waker;

use super::*;
use crate::config::Config;
use crate::dispatch::Router;
use crate::handshake::ConnectionInfo;
use crate::shared_state::SharedLimits;
use crate::transport::{MemoryTransport, memory_pair};

const MAX_QUEUED: usize = 1000;

/// The outgoing half of a connection, its other parts, and the transport of its peer.
fn outbound() -> (Outbound<MemoryTransport>, Serving, Arc<SharedState>, MemoryTransport) {
    let config = Arc::new(Config::default().limits(|limits| limits.max_queued_bytes = MAX_QUEUED));
    let shared = Arc::new(SharedState::new(config, ConnectionInfo::default(), SharedLimits::default()));
    let (near, far) = memory_pair();
    let serving = Serving::new(Arc::new(Router::new()), shared.clone());
    (Outbound::new(near, shared.clone()), serving, shared, far)
}

/// More than the transport holds for a peer that does not read.
fn large() -> Bytes {
    vec![b' '; 300 << 10].into()
}

#[tokio::test]
async fn large_messages_and_bursts_are_noticed_and_their_memory_is_freed() {
    let (mut outbound, ..) = outbound();
    outbound.note_size(1024);
    assert!(!outbound.take_grown());
    outbound.note_size(1025);
    outbound.note_size(1);
    assert!(outbound.take_grown() && !outbound.take_grown());
    for (capacity, has_grown) in [(64, false), (65, true)] {
        outbound.taken = VecDeque::with_capacity(capacity);
        outbound.note_size(1);
        assert_eq!(outbound.take_grown(), has_grown, "{capacity}");
    }
    outbound.shrink();
    assert_eq!(outbound.taken.capacity(), 0);
}

#[tokio::test]
async fn what_waits_for_a_slow_reader_is_sent_when_it_reads() {
    let (mut outbound, mut serving, _, mut far) = outbound();
    let mut cx = Context::from_waker(Waker::noop());
    outbound.send_reply(large(), &mut serving, &mut Step::new(&mut cx)).expect("it is open");
    outbound.resume(&mut cx).expect("it is open");
    assert!(outbound.is_blocked() && !outbound.has_queued());
    poll_fn(|cx| far.poll_recv(cx)).await.expect("open").expect("a frame");
    outbound.resume(&mut cx).expect("it is open");
    assert!(
        !outbound.is_blocked() && outbound.has_queued(),
        "what was queued meanwhile is sent in this turn"
    );
}

#[tokio::test]
async fn no_handler_starts_while_the_queue_for_a_slow_reader_is_full() {
    let (mut outbound, mut serving, shared, mut far) = outbound();
    let mut cx = Context::from_waker(Waker::noop());
    outbound.send_reply(large(), &mut serving, &mut Step::new(&mut cx)).expect("it is open");
    assert!(outbound.is_blocked() && !outbound.is_congested(), "nothing is queued");
    shared.as_driver().queue(QueuedFrame::Reply(vec![b' '; MAX_QUEUED - FRAME_COST - 1].into()));
    assert!(!outbound.is_congested());
    shared.as_driver().queue(QueuedFrame::Reply(Bytes::new()));
    assert!(outbound.is_congested());
    poll_fn(|cx| far.poll_recv(cx)).await.expect("open").expect("a frame");
    outbound.resume(&mut cx).expect("it is open");
    assert!(!outbound.is_congested(), "it reads");
}

#[tokio::test]
async fn the_stream_beneath_ends_when_the_peer_has_what_was_sent() {
    let (mut outbound, mut serving, _, mut far) = outbound();
    let mut cx = Context::from_waker(Waker::noop());
    outbound.send_reply(large(), &mut serving, &mut Step::new(&mut cx)).expect("it is open");
    assert!(outbound.poll_shutdown(&mut cx).is_pending());
    poll_fn(|cx| far.poll_recv(cx)).await.expect("open").expect("a frame");
    assert!(outbound.poll_shutdown(&mut cx).is_ready());
}
