//! Wakers are code of the executor: dropping one may run anything, so birpc holds no lock then.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context as Poller, Wake, Waker};
use std::thread;
use std::time::Duration;

use birpc::transport::memory_pair;
use birpc::{Client, Config, Connection, ConnectionInfo, ConnectionState, Peer, Reconnect};
use tokio::runtime::{Builder, Runtime};

use crate::support::{Dials, unreachable};

/// Uses its peer when it is dropped, which takes the locks of the peer's connection.
struct Looking(Peer, Arc<AtomicUsize>);

impl Wake for Looking {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Looking {
    fn drop(&mut self) {
        let _ = (self.0.in_flight(), self.0.buffered_amount(), self.0.state());
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls a future with several wakers, each of which is dropped when the next one comes, and drops the
/// future.
fn poll_with_many<F: Future>(peer: &Peer, future: F) {
    let dropped = Arc::new(AtomicUsize::new(0));
    let mut future: Pin<Box<F>> = Box::pin(future);
    for _ in 0..4 {
        let waker = Waker::from(Arc::new(Looking(peer.clone(), dropped.clone())));
        assert!(future.as_mut().poll(&mut Poller::from_waker(&waker)).is_pending());
    }
    drop(future);
    assert_eq!(dropped.load(Ordering::Relaxed), 4);
}

/// Runs a test in a separate thread, so that a deadlock does not block the test run.
fn in_time(test: impl FnOnce(&Runtime) + Send + 'static) {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _guard = runtime.enter();
        test(&runtime);
        done.send(()).expect("the test waits");
    });
    ended.recv_timeout(Duration::from_secs(10)).expect("no deadlock, and no panic");
}

fn peer(max_queued_bytes: usize) -> (Peer, impl Sized) {
    let mut config = Config::default();
    config.limits.max_queued_bytes = max_queued_bytes;
    let (near, far) = memory_pair();
    let (peer, connection) = Connection::new(near, Arc::new(config), ConnectionInfo::default());
    (peer, (connection, far))
}

#[test]
fn calls_and_batches_may_change_their_wakers() {
    in_time(|_| {
        let (peer, _connection) = peer(1 << 20);
        poll_with_many(&peer, peer.call::<()>("call", ()));
        let mut batch = peer.batch();
        let call = batch.call::<()>("call", ());
        poll_with_many(&peer, call);
        let call = batch.call::<()>("call", ());
        let sent = batch.send();
        let sent = Box::pin(sent).as_mut().poll(&mut Poller::from_waker(Waker::noop())).is_ready();
        assert!(sent, "there is room");
        poll_with_many(&peer, call);
    });
}

#[test]
fn who_waits_for_room_may_change_its_waker() {
    in_time(|_| {
        let (peer, _connection) = peer(1);
        let mut first = Box::pin(peer.call::<()>("call", ()));
        assert!(first.as_mut().poll(&mut Poller::from_waker(Waker::noop())).is_pending());
        poll_with_many(&peer, peer.call::<()>("call", ()));
        poll_with_many(&peer, peer.notify("note", ()));
        let mut batch = peer.batch();
        let _call = batch.call::<()>("call", ());
        poll_with_many(&peer, batch.send());
    });
}

#[test]
fn who_waits_for_the_next_connection_may_change_its_waker() {
    in_time(|runtime| {
        let builder = Client::builder().reconnect(Reconnect::default());
        let (client, dials, raw) = runtime.block_on(Dials::connected(builder));
        dials.fail((0..100).map(|_| unreachable()));
        drop(raw);
        runtime.block_on(async {
            while client.peer().state() != ConnectionState::Connecting {
                tokio::task::yield_now().await;
            }
        });
        let peer = client.peer();
        poll_with_many(peer, peer.call::<()>("call", ()));
        poll_with_many(peer, peer.notify("note", ()));
    });
}

/// Counts how many times a connection is polled.
struct Polled<F>(F, Arc<AtomicUsize>);

impl<F: Future + Unpin> Future for Polled<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Poller<'_>) -> std::task::Poll<F::Output> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll(cx)
    }
}

// Without keepalive there is nothing to do, although calls that stay open would be reported.
#[tokio::test(start_paused = true)]
async fn a_connection_without_calls_is_not_woken() {
    let mut config = Config::default();
    config.keepalive = birpc::Keepalive::off();
    config.warn_open_after = Some(Duration::from_secs(10));
    let (near, _far) = memory_pair();
    let (_peer, connection) = Connection::new(near, Arc::new(config), ConnectionInfo::default());
    let polls = Arc::new(AtomicUsize::new(0));
    tokio::spawn(Polled(connection, polls.clone()));
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = polls.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!(polls.load(Ordering::Relaxed), before);
}
