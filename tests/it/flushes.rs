//! How many messages each flush sends.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as Poller, Poll, Wake, Waker};

use birpc::transport::{Frame, Traffic, Transport, TransportError};
use birpc::{Call, Connection, ConnectionInfo, Context, ErrorObject, Peer, Router};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// A socket whose other end is the test.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Ends>>);

#[derive(Default)]
struct Ends {
    incoming: VecDeque<Frame>,
    unflushed: usize,
    /// The number of messages in each flush.
    flushes: Vec<usize>,
}

impl Wire {
    fn answer(&self, ids: impl IntoIterator<Item = u64>) {
        let replies = ids.into_iter().map(|id| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{id}}}"#));
        self.0.lock().unwrap().incoming.extend(replies.map(|reply| Frame::Text(reply.into())));
    }

    fn ask(&self, ids: impl IntoIterator<Item = u64>) {
        let requests = ids.into_iter().map(|id| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"wait"}}"#));
        self.0.lock().unwrap().incoming.extend(requests.map(|request| Frame::Text(request.into())));
    }

    fn flushes(&self) -> Vec<usize> {
        self.0.lock().unwrap().flushes.clone()
    }
}

impl Transport for Wire {
    fn poll_recv(&mut self, _: &mut Poller<'_>) -> Poll<Option<Result<Frame, TransportError>>> {
        let frame = self.0.lock().unwrap().incoming.pop_front();
        frame.map_or(Poll::Pending, |frame| Poll::Ready(Some(Ok(frame))))
    }

    fn send(&mut self, _: Frame) -> Result<(), TransportError> {
        self.0.lock().unwrap().unflushed += 1;
        Ok(())
    }

    fn poll_flush(&mut self, _: &mut Poller<'_>) -> Poll<Result<(), TransportError>> {
        let ends = &mut *self.0.lock().unwrap();
        ends.flushes.push(std::mem::take(&mut ends.unflushed));
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Poller<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

/// A connection that the test polls by hand.
struct ByHand {
    wire: Wire,
    peer: Peer,
    connection: Connection<Wire>,
}

impl ByHand {
    fn new() -> Self {
        Self::serving(Router::new())
    }

    fn serving(router: Router) -> Self {
        let wire = Wire::default();
        let (peer, connection) = Connection::new(wire.clone(), Arc::default(), ConnectionInfo::default());
        Self { wire, peer, connection: connection.serve(router) }
    }

    /// Whether the connection schedules another turn itself.
    fn turn(&mut self) -> bool {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let polled = Pin::new(&mut self.connection).poll(&mut Poller::from_waker(&waker));
        assert!(polled.is_pending(), "it is open");
        woken.0.load(Ordering::Relaxed)
    }

    /// A call whose request is queued.
    fn call(&self) -> Call<Result<u64, ErrorObject>> {
        let mut call = self.peer.call("any", ());
        assert!(poll(&mut call).is_pending());
        call
    }

    /// Makes this many calls, and answers them.
    fn answered(&mut self, count: u64) {
        let calls: Vec<_> = (0..count).map(|_| self.call()).collect();
        self.turn();
        self.wire.answer(1..=count);
        self.turn();
        for (mut call, id) in calls.into_iter().zip(1..) {
            assert!(matches!(poll(&mut call), Poll::Ready(Ok(result)) if result == id));
        }
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Poller::from_waker(Waker::noop()))
}

#[tokio::test]
async fn what_was_queued_before_a_turn_shares_its_flush() {
    let mut by_hand = ByHand::new();
    let _calls = [by_hand.call(), by_hand.call(), by_hand.call()];
    assert!(!by_hand.turn());
    assert_eq!(by_hand.wire.flushes(), [3]);
}

// If a runtime polled the connection directly after the first caller, each call would be flushed alone.
#[tokio::test]
async fn callers_that_were_answered_together_share_the_flush_of_their_next_calls() {
    let mut by_hand = ByHand::new();
    by_hand.answered(3);
    let _first = by_hand.call();
    assert!(by_hand.turn(), "else it might never be sent");
    assert_eq!(by_hand.wire.flushes(), [3], "two others may be about to call");
    let _others = [by_hand.call(), by_hand.call()];
    by_hand.turn();
    assert_eq!(by_hand.wire.flushes(), [3, 3]);
}

#[tokio::test]
async fn a_caller_is_not_kept_waiting_by_those_who_call_no_more() {
    let mut by_hand = ByHand::new();
    by_hand.answered(3);
    let _only = by_hand.call();
    assert!(by_hand.turn() && !by_hand.turn(), "it waits for one turn");
    assert_eq!(by_hand.wire.flushes(), [3, 1]);
}

#[tokio::test]
async fn a_caller_that_was_answered_alone_waits_for_nobody() {
    let mut by_hand = ByHand::new();
    by_hand.answered(1);
    let _next = by_hand.call();
    by_hand.turn();
    assert_eq!(by_hand.wire.flushes(), [1, 1]);
}

// They too are woken one after the other, by a timer or by a common cause.
#[tokio::test]
async fn handlers_that_end_together_come_to_share_a_flush() {
    const OPEN: u64 = 60;
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let wait = move |_: Context, _: Option<()>| {
        let opened = opened.clone();
        async move {
            opened.acquire().await.expect("it is never closed").forget();
            Ok::<_, ErrorObject>(())
        }
    };
    let mut by_hand = ByHand::serving(Router::new().method("wait", wait));
    by_hand.wire.ask(1..=OPEN);
    while by_hand.turn() {}
    let peer = by_hand.peer.clone();
    let one_ends = async || {
        let queued = peer.buffered_amount();
        gate.add_permits(1);
        while peer.buffered_amount() == queued {
            yield_now().await;
        }
    };

    let mut alone = 0;
    loop {
        one_ends().await;
        if by_hand.turn() {
            break;
        }
        alone += 1;
        assert!(alone < OPEN / 2, "it tries whether another one ends");
    }
    one_ends().await;
    by_hand.turn();
    assert_eq!(by_hand.wire.flushes().last(), Some(&2));
    one_ends().await;
    assert!(by_hand.turn(), "it has seen that they end together");
}

// Each of them is a message alone for the queue; they are answered together.
#[tokio::test]
async fn callers_that_called_one_by_one_and_were_answered_together_share_a_flush() {
    let mut by_hand = ByHand::new();
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let call = by_hand.call();
            assert!(!by_hand.turn(), "nobody else is about to call");
            call
        })
        .collect();
    by_hand.wire.answer(1..=3);
    by_hand.turn();
    for (mut call, id) in calls.into_iter().zip(1..) {
        assert!(matches!(poll(&mut call), Poll::Ready(Ok(result)) if result == id));
    }
    let _first = by_hand.call();
    assert!(by_hand.turn(), "two others may be about to call");
    assert_eq!(by_hand.wire.flushes(), [1, 1, 1]);
}

#[tokio::test]
async fn with_one_open_handler_no_message_waits_for_others() {
    let wait = |_: Context, _: Option<()>| std::future::pending::<Result<(), ErrorObject>>();
    let mut by_hand = ByHand::serving(Router::new().method("wait", wait));
    by_hand.wire.ask([1]);
    while by_hand.turn() {}
    for count in 1..=40 {
        let _call = by_hand.call();
        assert!(!by_hand.turn());
        assert_eq!(by_hand.wire.flushes().len(), count);
    }
}

#[tokio::test]
async fn more_than_a_turn_can_send_is_sent_in_the_next_turns() {
    let mut by_hand = ByHand::new();
    let _calls: Vec<_> = (0..500).map(|_| by_hand.call()).collect();
    while by_hand.turn() {}
    assert_eq!(by_hand.wire.flushes().iter().sum::<usize>(), 500);
}
