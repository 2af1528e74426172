//! A server stops in time, even if its handlers and hooks block their threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::thread;
use std::time::{Duration, Instant};

use birpc::{
    Client, ConnectionState, Context, ErrorObject, Grant, Handshake, Peer, Refusal, Router, Server,
    ServerBuilder, ServerHandle,
};
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, block_in_place, yield_now};
use tokio::time::{sleep, timeout};

use crate::support::{Join, NoParams, Side, bounded};

/// Longer than a server needs to stop if its peers answer.
const SOON: Duration = Duration::from_secs(2);

const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Blocks threads until it is dropped.
struct Gate {
    hold: Arc<dyn Fn() + Send + Sync>,
    began: mpsc::UnboundedReceiver<()>,
    _open: std_mpsc::Sender<()>,
}

impl Gate {
    fn new() -> Self {
        let (begin, began) = mpsc::unbounded_channel();
        let (open, gate) = std_mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let hold = move || {
            let _ = begin.send(()); // the test may be over
            let _ = gate.lock().expect("no panic").recv();
        };
        Self { hold: Arc::new(hold), began, _open: open }
    }
}

struct Running {
    handle: ServerHandle,
    url: String,
    served: JoinHandle<()>,
}

async fn start(builder: ServerBuilder, router: Router) -> Running {
    let builder = builder.limits(|limits| limits.close_timeout = CLOSE_TIMEOUT);
    let server = builder.bind("127.0.0.1:0").await.expect("a free port");
    let (handle, url) = (server.handle(), format!("ws://{}/", server.local_addr().expect("it is bound")));
    let served = tokio::spawn(async move { server.serve(router).await.expect("a router") });
    Running { handle, url, served }
}

fn holding(gate: &Gate) -> Router {
    let hold = gate.hold.clone();
    Router::new()
        .method("hold", move |_: Context, _: NoParams| {
            let hold = hold.clone();
            async move {
                hold();
                Ok::<_, ErrorObject>(())
            }
        })
        .method("ping", |cx: Context, _: NoParams| async move {
            Ok::<_, ErrorObject>(cx.get::<&str>().map_or("nobody", |name| *name))
        })
}

#[derive(Clone, Copy, Debug)]
enum Stop {
    Stop,
    Shutdown,
}

impl Stop {
    /// Stops the server, and waits until it has stopped.
    async fn run(self, running: Running) -> Duration {
        let began = Instant::now();
        match self {
            Self::Stop => running.handle.stop(),
            Self::Shutdown => drop(running.handle.shutdown(millis(300)).await),
        }
        bounded(running.served).await.expect("no panic");
        began.elapsed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_handler_that_never_ends_stops_no_server() {
    for stop in [Stop::Stop, Stop::Shutdown] {
        let mut gate = Gate::new();
        let running = start(Server::builder(), holding(&gate)).await;
        let client = Client::connect(&running.url).await.expect("a server");
        let held = tokio::spawn(client.peer().call::<()>("hold", ()));
        gate.began.recv().await.expect("it holds");
        let took = stop.run(running).await;
        assert!(took < SOON, "{stop:?} took {took:?}");
        assert!(held.await.expect("no panic").is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_server_is_told_of_the_end_although_a_handler_holds_the_task() {
    let mut gate = Gate::new();
    let (ended, mut end) = mpsc::unbounded_channel();
    let builder = Server::builder().on_disconnect(move |_, reason| {
        let _ = ended.send(reason.code); // the test may be over
        async {}
    });
    let running = start(builder, holding(&gate)).await;
    let client = Client::connect(&running.url).await.expect("a server");
    drop(tokio::spawn(client.peer().call::<()>("hold", ())));
    gate.began.recv().await.expect("it holds");
    client.close(1000, "done").expect("it may be sent");
    assert_eq!(timeout(SOON, end.recv()).await.expect("in time"), Some(1000));
    assert!(running.handle.peers().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn hooks_that_never_return_stop_no_server() {
    type Hook = fn(ServerBuilder, Arc<dyn Fn() + Send + Sync>) -> ServerBuilder;
    let hooks: [(&str, Hook); 4] = [
        ("on_connect", |builder, hold| {
            builder.on_connect(move |_: Peer| {
                hold();
                async {}
            })
        }),
        ("on_connect, polled", |builder, hold| {
            builder.on_connect(move |_: Peer| {
                let hold = hold.clone();
                async move { hold() }
            })
        }),
        ("on_disconnect", |builder, hold| {
            builder.on_disconnect(move |_, _| {
                hold();
                async {}
            })
        }),
        ("authorize", |builder, hold| {
            builder.authorize(move |_: Handshake| {
                hold();
                async { Ok::<_, Refusal>(Grant::new()) }
            })
        }),
    ];
    for (name, hook) in hooks {
        for stop in [Stop::Stop, Stop::Shutdown] {
            let mut gate = Gate::new();
            let running = start(hook(Server::builder(), gate.hold.clone()), Router::new()).await;
            let url = running.url.clone();
            let client = tokio::spawn(async move { Client::connect(&url).await });
            if name == "on_disconnect" {
                client.await.expect("no panic").expect("a server");
            }
            gate.began.recv().await.expect("it holds");
            let took = stop.run(running).await;
            assert!(took < SOON + CLOSE_TIMEOUT, "{name}: {stop:?} took {took:?}");
        }
    }
}

type Wake = fn(&Peer);

/// Ways to wake the connection's task, which tokio then keeps on the worker of the task that woke it.
const WAKES: [(&str, Wake); 2] = [
    ("a notification", |peer| drop(peer.notify("progress", ()).now_or_never())),
    ("a call", |peer| drop(peer.call::<()>("ping", ()).now_or_never())),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_after_it_has_sent_something_stops_nothing() {
    for (name, wake) in WAKES {
        for stop in [Stop::Stop, Stop::Shutdown] {
            let mut gate = Gate::new();
            let hold = gate.hold.clone();
            let router = holding(&gate).method("send", move |cx: Context, _: NoParams| {
                let hold = hold.clone();
                async move {
                    yield_now().await;
                    wake(&cx.peer());
                    hold();
                    Ok::<_, ErrorObject>(())
                }
            });
            let running = start(Server::builder(), router).await;
            let client = Client::connect(&running.url).await.expect("a server");
            let held = tokio::spawn(client.peer().call::<()>("send", ()));
            gate.began.recv().await.expect("it holds");
            let pong = timeout(SOON, client.peer().call::<String>("ping", ())).await;
            assert!(pong.is_ok_and(|pong| pong.is_ok()), "after {name}");
            let took = stop.run(running).await;
            assert!(took < SOON + CLOSE_TIMEOUT, "after {name}, {stop:?} took {took:?}");
            assert!(held.await.expect("no panic").is_err());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_connect_may_block_after_it_has_sent_something() {
    for (name, wake) in WAKES {
        let mut gate = Gate::new();
        let hold = gate.hold.clone();
        let builder = Server::builder().on_connect(move |peer: Peer| {
            let hold = hold.clone();
            async move {
                yield_now().await;
                wake(&peer);
                hold();
            }
        });
        let running = start(builder, holding(&gate)).await;
        let client = Client::connect(&running.url).await.expect("a server");
        gate.began.recv().await.expect("it holds");
        let pong = timeout(SOON, client.peer().call::<String>("ping", ())).await;
        assert!(pong.is_ok_and(|pong| pong.is_ok()), "after {name}");
        let took = Stop::Shutdown.run(running).await;
        assert!(took < SOON + CLOSE_TIMEOUT, "after {name}, it took {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn handlers_start_behind_the_first_await_of_on_connect_although_it_blocks() {
    let builder = Server::builder().on_connect(|peer: Peer| async move {
        thread::sleep(millis(600));
        peer.insert("somebody");
        sleep(millis(10_000)).await;
    });
    let running = start(builder, holding(&Gate::new())).await;
    let client = Client::connect(&running.url).await.expect("a server");
    assert_eq!(bounded(client.peer().call::<String>("ping", ())).await.expect("an answer"), "somebody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_connect_may_wait_for_its_peer() {
    let (told, mut name) = mpsc::unbounded_channel();
    let builder = Server::builder().on_connect(move |peer: Peer| {
        let told = told.clone();
        async move {
            let name = block_in_place(|| Handle::current().block_on(peer.call::<String>("name", ())));
            let _ = told.send(name); // the test may be over
        }
    });
    let running = start(builder, holding(&Gate::new())).await;
    let router =
        Router::new().method("name", |_: Context, _: NoParams| async { Ok::<_, ErrorObject>("somebody") });
    let client = Client::builder().serve(router).connect(&running.url).await.expect("a server");
    let name = timeout(SOON, name.recv()).await.expect("in time").expect("it asks");
    assert_eq!(name.expect("an answer"), "somebody");
    assert_eq!(bounded(client.peer().call::<String>("ping", ())).await.expect("an answer"), "nobody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_connect_ends_with_its_connection() {
    struct Ended(mpsc::UnboundedSender<bool>, Arc<AtomicBool>);
    impl Drop for Ended {
        fn drop(&mut self) {
            let _ = self.0.send(self.1.load(Ordering::SeqCst)); // the test may be over
        }
    }
    let (told, mut ended) = mpsc::unbounded_channel();
    let builder = Server::builder().on_connect(move |_: Peer| {
        let returned = Arc::new(AtomicBool::new(false));
        let ended = Ended(told.clone(), returned.clone());
        async move {
            let _ended = ended;
            sleep(Duration::from_secs(60)).await;
            returned.store(true, Ordering::SeqCst);
        }
    });
    let running = start(builder, Router::new()).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(Client::connect(&running.url).await.expect("a server"));
    }
    drop(clients);
    for _ in 0..50 {
        assert_eq!(timeout(SOON, ended.recv()).await.expect("in time"), Some(false));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_handler_that_ends_in_its_first_poll_counts_as_finished() {
    for time in [50, 500] {
        let (begin, mut began) = mpsc::unbounded_channel();
        let router = Router::new().method("sleep", move |_: Context, _: NoParams| {
            let _ = begin.send(()); // the test may be over
            async move {
                thread::sleep(millis(time));
                Ok::<_, ErrorObject>(())
            }
        });
        let running = start(Server::builder(), router).await;
        let client = Client::connect(&running.url).await.expect("a server");
        let call = tokio::spawn(client.peer().call::<()>("sleep", ()));
        began.recv().await.expect("it is served");
        let drained = bounded(running.handle.shutdown(Duration::from_secs(5))).await;
        assert_eq!((drained.finished, drained.cut), (1, 0), "after {time} ms");
        call.await.expect("no panic").expect("an answer");
    }
}

/// The state that a handler's task sees between the start and the finish of the connection's end.
#[tokio::test]
async fn who_is_told_that_a_call_is_cancelled_waits_for_it_no_more() {
    let (give, mut given) = mpsc::unbounded_channel();
    let router = Router::new().method("give", move |cx: Context, _: NoParams| {
        let _ = give.send(cx); // the test may be over
        async { Ok::<_, ErrorObject>(()) }
    });
    let (mut raw, server) = Join::Memory.raw(None, Side::new(router)).await;
    raw.send([r#"{"jsonrpc":"2.0","id":1,"method":"give"}"#]).await;
    let cx = bounded(given.recv()).await.expect("a context");
    let mut before = Box::pin(cx.cancelled());
    assert!((&mut before).now_or_never().is_none() && !cx.is_cancelled());
    // The peer does not answer, so the close takes its time.
    server.close(1000, "done").expect("it may be sent");
    while !cx.is_cancelled() {
        tokio::task::yield_now().await;
    }
    assert!(server.state() != ConnectionState::Closed);
    assert!(before.now_or_never().is_some());
    assert!(cx.cancelled().now_or_never().is_some());
}
