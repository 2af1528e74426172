//! How much a connection does in one step of a turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as Poller, Poll};

use birpc::transport::{Frame, MemoryTransport, Traffic, Transport, TransportError, memory_pair};
use birpc::{Config, Connection, ConnectionInfo, Router};
use tokio::sync::mpsc;

use crate::support::bounded;

/// The budget of a step, and of two consecutive steps without reading between them.
const STEP: usize = 64;

/// Counts the messages that are sent between two reads.
struct Counting {
    inner: MemoryTransport,
    sent: usize,
    most: Arc<AtomicUsize>,
}

impl Transport for Counting {
    fn poll_recv(&mut self, cx: &mut Poller<'_>) -> Poll<Option<Result<Frame, TransportError>>> {
        self.sent = 0;
        self.inner.poll_recv(cx)
    }

    fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        self.sent += 1;
        self.most.fetch_max(self.sent, Ordering::Relaxed);
        self.inner.send(frame)
    }

    fn poll_flush(&mut self, cx: &mut Poller<'_>) -> Poll<Result<(), TransportError>> {
        self.inner.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Poller<'_>) -> Poll<()> {
        self.inner.poll_shutdown(cx)
    }

    fn traffic(&self) -> Traffic {
        self.inner.traffic()
    }
}

#[tokio::test]
async fn a_step_sends_so_many_messages_and_no_more() {
    let (near, far) = memory_pair();
    let most = Arc::new(AtomicUsize::new(0));
    let counting = Counting { inner: near, sent: 0, most: most.clone() };
    let new = || (Arc::new(Config::default()), ConnectionInfo::default());
    let (config, info) = new();
    let (peer, sending) = Connection::new(counting, config, info);
    let (config, info) = new();
    let (_, receiving) = Connection::new(far, config, info);
    let (told, mut heard) = mpsc::unbounded_channel();
    let router = Router::new().notification("tick", move |_, (number,): (usize,)| {
        told.send(number).expect("the test listens");
        async {}
    });
    for number in 0..8000 {
        peer.notify("tick", (number,)).await.expect("there is room");
    }
    tokio::spawn(sending);
    tokio::spawn(receiving.serve(router));
    for number in 0..8000 {
        assert_eq!(bounded(heard.recv()).await, Some(number));
    }
    let most = most.load(Ordering::Relaxed);
    assert!((STEP..=2 * STEP).contains(&most), "{most} messages between two reads");
}
