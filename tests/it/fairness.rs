//! A connection with a thousand waiting calls delays a single call of another connection by at most one turn.
//!
//! Each test runs on one thread, whose tasks get their turns in the order in which they were woken, so the
//! counts are the same in each run.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as Poller, Poll};

use birpc::transport::{Frame, Traffic, Transport, TransportError, memory_pair};
use birpc::{Config, Connection, ConnectionInfo, ErrorObject, Limits, Router, SharedLimits};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::yield_now;

use crate::support::{Join, NoParams, Raw, Side, bounded};

/// The maximum number of calls that a connection starts in one turn.
const TURN: usize = 64;

const CALLS: usize = 1000;

/// Counts calls, and controls `hold`.
#[derive(Clone)]
struct Counters {
    worked: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
    /// Receives a message when `hold` continues.
    held: mpsc::UnboundedSender<()>,
}

impl Counters {
    fn work(&self) -> Value {
        json!(self.worked.fetch_add(1, Ordering::SeqCst))
    }

    /// `work` is ready at once, `work later` is not. `hold` waits for the test before it works. `worked`
    /// returns how many of them have worked.
    fn router(&self) -> Router {
        let (now, later, holding, asked) = (self.clone(), self.clone(), self.clone(), self.clone());
        Router::new()
            .method("work", move |_, _: NoParams| {
                let done = now.work();
                async move { Ok::<_, ErrorObject>(done) }
            })
            .method("work later", move |_, _: NoParams| {
                let done = later.work();
                async move {
                    yield_now().await;
                    Ok::<_, ErrorObject>(done)
                }
            })
            .method("hold", move |_, _: NoParams| {
                let holding = holding.clone();
                async move {
                    holding.gate.acquire().await.expect("it is never closed").forget();
                    holding.work();
                    holding.held.send(()).expect("the test listens");
                    Ok::<_, ErrorObject>(())
                }
            })
            .method("worked", move |_, _: NoParams| {
                let worked = asked.worked.load(Ordering::SeqCst);
                async move { Ok::<_, ErrorObject>(worked) }
            })
    }
}

/// Two connections that share a thread.
struct Neighbours {
    busy: Raw,
    busy_peer: birpc::Peer,
    single: Raw,
    counters: Counters,
    held: mpsc::UnboundedReceiver<()>,
}

async fn neighbours() -> Neighbours {
    neighbours_at(&SharedLimits::default()).await
}

async fn neighbours_at(server: &SharedLimits) -> Neighbours {
    let (hold, held) = mpsc::unbounded_channel();
    let counters = Counters { worked: Arc::default(), gate: Arc::new(Semaphore::new(0)), held: hold };
    let router = Arc::new(counters.router());
    let mut config = Config::default();
    config.limits.max_in_flight = CALLS;
    let connect = || {
        let (near, far) = memory_pair();
        let config = Arc::new(config.clone());
        let (peer, connection) = Connection::sharing(far, config, ConnectionInfo::default(), server.clone());
        tokio::spawn(connection.serve(router.clone()));
        (Raw::Memory(near), peer)
    };
    let ((mut busy, busy_peer), (mut single, _)) = (connect(), connect());
    for raw in [&mut busy, &mut single] {
        assert_eq!(raw.ask(WORKED).await["result"], 0, "both are there");
    }
    Neighbours { busy, busy_peer, single, counters, held }
}

const WORKED: &str = r#"{"jsonrpc":"2.0","method":"worked","id":0}"#;

fn call(method: &str, id: usize) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "id": id})
}

/// The number of calls of the busy connection that had worked when the other connection's call was served.
async fn served_after(single: &mut Raw) -> usize {
    single.ask(WORKED).await["result"].as_u64().expect("a number") as usize
}

fn on_one_thread<F: Future<Output = ()> + Send + 'static>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // A task like the others, with turns like theirs.
    runtime.block_on(async { tokio::spawn(bounded(test)).await }).expect("it does not panic");
}

#[test]
fn a_thousand_messages_have_come() {
    on_one_thread(async {
        for method in ["work", "work later"] {
            let mut two = neighbours().await;
            two.busy.send((0..CALLS).map(|id| call(method, id).to_string())).await;
            let before = served_after(&mut two.single).await;
            assert!((1..=TURN).contains(&before), "{method}: {before} had begun");
        }
    });
}

#[test]
fn a_thousand_calls_have_come_in_batches() {
    on_one_thread(async {
        for method in ["work", "work later"] {
            let mut two = neighbours().await;
            let batch = |first| Value::from_iter((first..first + 250).map(|id| call(method, id)));
            two.busy.send((0..4).map(|number| batch(number * 250).to_string())).await;
            let before = served_after(&mut two.single).await;
            assert!((1..=TURN).contains(&before), "{method}: {before} had begun");
            for _ in 0..4 {
                assert_eq!(two.busy.json().await.as_array().map(Vec::len), Some(250), "none is lost");
            }
            assert_eq!(served_after(&mut two.single).await, CALLS);
        }
    });
}

#[test]
fn a_thousand_calls_have_waited_their_turn() {
    on_one_thread(async {
        for method in ["work", "work later"] {
            let mut two = neighbours().await;
            let held = (0..CALLS).map(|id| call("hold", id).to_string());
            two.busy.send(held).await;
            two.busy.send((0..CALLS).map(|id| call(method, CALLS + id).to_string())).await;
            while two.busy_peer.serving() < 2 * CALLS {
                yield_now().await;
            }
            two.counters.gate.add_permits(CALLS);
            two.held.recv().await.expect("the first goes on, and all others before this task");
            // Now it is the busy connection's turn, then the other's.
            let before = served_after(&mut two.single).await - CALLS;
            assert!((1..=TURN).contains(&before), "{method}: {before} had begun");
            for _ in 0..2 * CALLS {
                assert!(two.busy.json().await["error"].is_null(), "none is lost");
            }
        }
    });
}

// With one slot for the whole server, it goes to the other connection after one more call.
#[test]
fn a_thousand_calls_wait_for_the_servers_slot() {
    on_one_thread(async {
        let mut limits = Limits::default();
        limits.max_in_flight_total = Some(1);
        let mut two = neighbours_at(&SharedLimits::new(&limits)).await;
        two.busy.send((0..CALLS).map(|id| call("hold", id).to_string())).await;
        while two.busy_peer.serving() < CALLS {
            yield_now().await;
        }
        two.single.send([WORKED]).await;
        two.counters.gate.add_permits(CALLS);
        let before = two.single.json().await["result"].as_u64();
        assert_eq!(before, Some(2), "the one that ran, and the one that was first in line");
        for _ in 0..CALLS {
            assert!(two.busy.json().await["error"].is_null(), "none is lost");
        }
    });
}

/// A peer that reads everything.
struct Sink {
    incoming: VecDeque<Frame>,
    taken: Arc<AtomicUsize>,
}

impl Transport for Sink {
    fn poll_recv(&mut self, _: &mut Poller<'_>) -> Poll<Option<Result<Frame, TransportError>>> {
        self.incoming.pop_front().map_or(Poll::Pending, |frame| Poll::Ready(Some(Ok(frame))))
    }

    fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        if let Frame::Text(text) = frame {
            self.taken.fetch_add(text.len(), Ordering::SeqCst);
        }
        Ok(())
    }

    fn poll_flush(&mut self, _: &mut Poller<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Poller<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

// Outgoing bytes count as well.
#[test]
fn many_megabytes_are_due() {
    on_one_thread(async {
        const SIZE: usize = 64 << 10;
        let (gate, taken) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let (opened, asked) = (gate.clone(), taken.clone());
        let (hold, mut held) = mpsc::unbounded_channel();
        let large = Router::new().method("large", move |_, _: NoParams| {
            let (opened, hold) = (opened.clone(), hold.clone());
            async move {
                opened.acquire().await.expect("it is never closed").forget();
                hold.send(()).expect("the test listens");
                Ok::<_, ErrorObject>("x".repeat(SIZE))
            }
        });
        let frames = (0..TURN).map(|id| Frame::Text(call("large", id).to_string().into()));
        let sink = Sink { incoming: frames.collect(), taken: taken.clone() };
        let (peer, connection) = Connection::new(sink, Arc::default(), ConnectionInfo::default());
        tokio::spawn(connection.serve(large));
        let taken_by_now = Router::new().method("taken", move |_, _: NoParams| {
            let taken = asked.load(Ordering::SeqCst);
            async move { Ok::<_, ErrorObject>(taken) }
        });
        let (mut single, _) = Join::Memory.raw(None, Side::new(taken_by_now)).await;
        while peer.serving() < TURN {
            yield_now().await;
        }
        gate.add_permits(TURN);
        held.recv().await.expect("the first goes on, and all others before this task");
        let reply = single.ask(r#"{"jsonrpc":"2.0","method":"taken","id":0}"#).await;
        let before = reply["result"].as_u64().expect("a number") as usize;
        assert!(before > 0 && before <= 1 << 20, "{before} of {} bytes", TURN * SIZE);
        while taken.load(Ordering::SeqCst) < TURN * SIZE {
            yield_now().await;
        }
    });
}
