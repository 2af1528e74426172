//! A handler that blocks its thread before its first await blocks its connection's task, and the connection
//! continues on another task.
//!
//! These tests use real time, since they check that blocked threads block nothing else.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::TryRecvError;
use std::sync::{Arc, mpsc as std_mpsc};
use std::task::{Context as Poller, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use birpc::{CallError, Client, Context, ErrorObject, Peer, Reconnect, Router};
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::sleep;

use crate::support::{Join, NoParams, Side, bounded, listen};

type Answer<T> = Result<T, ErrorObject>;

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Waits for a future outside of a runtime.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Poller::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// How a handler waits for its peer while it blocks its thread.
#[derive(Clone, Copy, Debug)]
enum Way {
    InPlace,
    OnThread,
}

impl Way {
    fn call<T: serde::de::DeserializeOwned + Send + 'static>(
        self,
        peer: &Peer,
        method: &str,
        params: impl serde::Serialize,
    ) -> Result<T, CallError> {
        let call = peer.call::<T>(method, params);
        match self {
            Self::InPlace => block_in_place(|| Handle::current().block_on(call)),
            Self::OnThread => thread::spawn(|| block_on(call)).join().expect("no panic"),
        }
    }
}

/// Handlers that block until they are released, at the latest at the end of the test.
struct Gate {
    began: mpsc::UnboundedReceiver<()>,
    go_on: Option<std_mpsc::Sender<()>>,
}

impl Gate {
    async fn held(&mut self) {
        self.began.recv().await.expect("a handler holds its thread");
    }
}

/// `sleep` blocks its thread for some milliseconds, `hold` and `spin` until the gate opens, `heed` until it
/// is cancelled. `ping` is ready at once, `never` never. `chain` calls the caller's `chain`, to a given
/// depth.
fn router(way: Way) -> (Router, Gate) {
    let (begin, began) = mpsc::unbounded_channel();
    let (go_on, gate) = std_mpsc::channel::<()>();
    let gate = Arc::new(std::sync::Mutex::new(gate));
    let (begins, opens) = (begin.clone(), gate.clone());
    let router = Router::new()
        .method("sleep", |_: Context, (time,): (u64,)| async move {
            thread::sleep(millis(time));
            Answer::Ok(time)
        })
        .method("spin", move |_: Context, _: NoParams| {
            let (begin, gate) = (begins.clone(), opens.clone());
            async move {
                let _ = begin.send(()); // the test may be over
                while gate.lock().expect("no panic").try_recv() == Err(TryRecvError::Empty) {
                    std::hint::spin_loop();
                }
                Answer::Ok("let go")
            }
        })
        .method("hold", move |_: Context, _: NoParams| {
            let (begin, gate) = (begin.clone(), gate.clone());
            async move {
                let _ = begin.send(()); // the test may be over
                let _ = gate.lock().expect("no panic").recv();
                Answer::Ok("let go")
            }
        })
        .method("heed", |cx: Context, _: NoParams| async move {
            while !cx.is_cancelled() {
                thread::sleep(millis(5));
            }
            cx.get::<mpsc::UnboundedSender<()>>().expect("the test listens").send(()).expect("it does");
            Answer::Ok(())
        })
        .method("ping", |_: Context, _: NoParams| async { Answer::Ok("pong") })
        .method("never", |_: Context, _: NoParams| std::future::pending::<Answer<()>>())
        .method("chain", move |cx: Context, (depth,): (u32,)| async move {
            match depth {
                0 => Answer::Ok(0),
                _ => Ok(way.call::<u32>(&cx.peer(), "chain", (depth - 1,))? + 1),
            }
        });
    (router, Gate { began, go_on: Some(go_on) })
}

fn call<T: serde::de::DeserializeOwned + Send + 'static>(
    peer: &Peer,
    method: &str,
    params: impl serde::Serialize,
) -> JoinHandle<Result<T, CallError>> {
    tokio::spawn(peer.call::<T>(method, params))
}

async fn ping(peer: &Peer) {
    assert_eq!(bounded(peer.call::<String>("ping", ())).await.expect("an answer"), "pong");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn other_calls_are_served_meanwhile() {
    for join in [Join::Memory, Join::Socket] {
        for method in ["hold", "spin"] {
            let (serving, mut gate) = router(Way::InPlace);
            let pair = join.peers(Side::default(), Side::new(serving)).await;
            let held = call::<String>(&pair.client, method, ());
            gate.held().await;
            for _ in 0..20 {
                ping(&pair.client).await;
            }
            assert!(!held.is_finished(), "{method} over {join:?}");
            drop(gate.go_on.take());
            assert_eq!(bounded(held).await.expect("no panic").expect("a result"), "let go");
            ping(&pair.client).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn timeouts_fire_on_either_side() {
    let (serving, mut gate) = router(Way::InPlace);
    let pair = Join::Socket.peers(Side::new(router(Way::InPlace).0), Side::new(serving)).await;
    let held = call::<String>(&pair.client, "hold", ());
    gate.held().await;
    // Before the connection can have continued on another task, and after it has.
    for _ in 0..2 {
        let from_server = pair.server.clone().with_timeout(millis(300)).call::<()>("never", ());
        let from_client = pair.client.clone().with_timeout(millis(300)).call::<()>("never", ());
        let (here, there) = bounded(async { tokio::join!(from_server, from_client) }).await;
        assert!(matches!((here, there), (Err(CallError::TimedOut), Err(CallError::TimedOut))));
    }
    drop(gate.go_on.take());
    assert_eq!(bounded(held).await.expect("no panic").expect("a result"), "let go");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn several_are_held_on_one_connection() {
    let (serving, mut gate) = router(Way::InPlace);
    let pair = Join::Socket.peers(Side::default(), Side::new(serving)).await;
    let held = [call::<String>(&pair.client, "hold", ()), call::<String>(&pair.client, "hold", ())];
    for _ in &held {
        gate.held().await;
    }
    ping(&pair.client).await;
    assert_eq!(pair.server.serving(), 2);
    drop(gate.go_on.take());
    for held in bounded(join_all(held)).await {
        assert_eq!(held.expect("no panic").expect("a result"), "let go");
    }
    while pair.server.serving() > 0 {
        sleep(millis(1)).await;
    }
    ping(&pair.client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 5)]
async fn many_connections_are_held_at_once() {
    let mut sides = Vec::new();
    for _ in 0..4 {
        let (serving, gate) = router(Way::InPlace);
        sides.push((Join::Socket.peers(Side::default(), Side::new(serving)).await, gate));
    }
    for (pair, gate) in sides.iter_mut().take(4) {
        drop(call::<String>(&pair.client, "hold", ()));
        gate.held().await;
    }
    for (pair, _) in &sides {
        ping(&pair.client).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_batch_goes_on_behind_an_entry_that_holds() {
    let (serving, mut gate) = router(Way::InPlace);
    let pair = Join::Socket.peers(Side::default(), Side::new(serving)).await;
    let mut batch = pair.client.batch();
    let held = batch.call::<String>("hold", ());
    let after = batch.call::<String>("ping", ());
    batch.send().await.expect("it is queued");
    gate.held().await;
    ping(&pair.client).await;
    drop(gate.go_on.take());
    let (held, after) = bounded(async { tokio::join!(held, after) }).await;
    assert_eq!((held.expect("a result"), after.expect("a result")), ("let go".into(), "pong".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_cancel_reaches_a_handler_that_holds() {
    let (heeded, mut heard) = mpsc::unbounded_channel::<()>();
    let pair = Join::Socket.peers(Side::default(), Side::new(router(Way::InPlace).0)).await;
    pair.server.insert(heeded);
    let outcome = pair.client.clone().with_timeout(millis(50)).call::<()>("heed", ()).await;
    assert!(matches!(outcome, Err(CallError::TimedOut)));
    bounded(heard.recv()).await.expect("it was cancelled");
    ping(&pair.client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_loss_of_the_peer_is_seen() {
    let (serving, mut gate) = router(Way::InPlace);
    let (raw, server) = Join::Socket.raw(Some("birpc.v1"), Side::new(serving)).await;
    let mut raw = raw;
    raw.send([r#"{"jsonrpc":"2.0","id":1,"method":"hold"}"#]).await;
    gate.held().await;
    drop(raw);
    assert_eq!(bounded(server.closed()).await.code, 1006);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn either_side_closes_in_time() {
    for from_server in [true, false] {
        let (serving, mut gate) = router(Way::InPlace);
        let pair = Join::Socket.peers(Side::default(), Side::new(serving)).await;
        drop(call::<String>(&pair.client, "hold", ()));
        gate.held().await;
        let closing = if from_server { &pair.server } else { &pair.client };
        closing.close(1000, "done").expect("it may be sent");
        for peer in [&pair.server, &pair.client] {
            let reason = bounded(peer.closed()).await;
            assert!(reason.code == 1000 && reason.clean, "{reason}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn pings_are_answered() {
    let client = Side::default().config(|config| config.keepalive.interval = Some(millis(100)));
    let (serving, mut gate) = router(Way::InPlace);
    let pair = Join::Socket.peers(client, Side::new(serving)).await;
    drop(call::<String>(&pair.client, "hold", ()));
    gate.held().await;
    // Twice, since the first pong may be older.
    for _ in 0..2 {
        let before = pair.client.round_trip();
        bounded(async {
            while pair.client.round_trip() == before {
                sleep(millis(1)).await;
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_may_wait_for_its_own_peer() {
    for way in [Way::InPlace, Way::OnThread] {
        for join in [Join::Memory, Join::Socket] {
            let sides = [Side::new(router(way).0), Side::new(router(way).0)];
            let [client, server] = sides;
            let pair = join.peers(client, server).await;
            let depth = if matches!(way, Way::InPlace) { 3 } else { 1 };
            let reached = bounded(pair.client.call::<u32>("chain", (depth,))).await;
            assert_eq!(reached.expect("a result"), depth, "{way:?} over {join:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn handlers_may_wait_for_their_peers_three_deep_on_threads() {
    let sides = [Side::new(router(Way::OnThread).0), Side::new(router(Way::OnThread).0)];
    let [client, server] = sides;
    let pair = Join::Socket.peers(client, server).await;
    assert_eq!(bounded(pair.client.call::<u32>("chain", (3,))).await.expect("a result"), 3);
}

/// With one thread the reply cannot arrive: the awaited call ends, so that the handler continues.
#[test]
fn on_a_single_thread_such_a_wait_ends_with_an_error() {
    let (told, outcome) = std_mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let asking = Router::new().method("ask", |cx: Context, _: NoParams| async move {
                Answer::Ok(matches!(block_on(cx.peer().call::<()>("ping", ())), Err(CallError::Cancelled)))
            });
            let pair = Join::Memory.peers(Side::new(router(Way::InPlace).0), Side::new(asking)).await;
            let _ = told.send(pair.client.call::<bool>("ask", ()).await); // the test may be over
        });
    });
    let outcome = outcome.recv_timeout(Duration::from_secs(120)).expect("it ends");
    assert!(outcome.expect("the handler goes on"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn dropping_the_connection_ends_it_where_it_has_gone_on() {
    let (serving, mut gate) = router(Way::InPlace);
    let (near, far) = birpc::transport::memory_pair();
    let new = |end| birpc::Connection::new(end, Arc::default(), birpc::ConnectionInfo::default());
    let (client, near) = new(near);
    let (server, far) = new(far);
    tokio::spawn(near);
    let task = tokio::spawn(far.serve(serving));
    let held = call::<String>(&client, "hold", ());
    gate.held().await;
    ping(&client).await;
    drop(gate.go_on.take());
    bounded(held).await.expect("no panic").expect("a result");
    ping(&client).await;
    task.abort();
    for peer in [&server, &client] {
        assert_eq!(bounded(peer.closed()).await.code, 1006);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_client_reconnects_while_a_handler_of_its_holds() {
    let mut server = listen(Side::default()).await;
    let (serving, mut gate) = router(Way::InPlace);
    let client = Client::builder().reconnect(Reconnect::default()).serve(serving);
    let _client = client.connect(&server.url()).await.expect("a server");
    let peer = server.connected.recv().await.expect("the server runs");
    drop(call::<String>(&peer, "hold", ()));
    gate.held().await;
    peer.close(1012, "again").expect("it may be sent");
    let peer = bounded(server.connected.recv()).await.expect("the server runs");
    ping(&peer).await;
}

/// A task that waits for a reply while the handler is polled elsewhere gets the reply, however often that
/// happens.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn nothing_is_lost_while_connections_move() {
    let pair = Join::Socket.peers(Side::default(), Side::new(router(Way::InPlace).0)).await;
    let counted = AtomicUsize::new(0);
    let held = async {
        for time in [250, 150, 350] {
            assert_eq!(pair.client.call::<u64>("sleep", (time,)).await.expect("a result"), time);
        }
    };
    let others = async {
        loop {
            ping(&pair.client).await;
            counted.fetch_add(1, Ordering::Relaxed);
        }
    };
    tokio::select! { () = held => {}, () = others => {} }
    assert!(counted.load(Ordering::Relaxed) > 3);
    ping(&pair.client).await;
}
