//! Further cases of handlers that block their connection's task: the handler panics, its connection ends, its
//! call is a notification, is in a batch, or was parked.
//!
//! These tests use real time, since they check that blocked threads block nothing else.

use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::thread;
use std::time::Duration;

use birpc::transport::memory_pair;
use birpc::{
    CallError, Client, Config, Connection, ConnectionInfo, Context, ErrorObject, Limits, Peer, Router,
    Server, SharedLimits,
};
use serde_json::json;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::support::{Join, NoParams, Raw, Side, bounded};

type Answer<T> = Result<T, ErrorObject>;

/// Longer than it takes until the connection has continued on another task.
const MOVED: Duration = Duration::from_millis(600);

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Blocks handlers until the test releases one of them.
struct Gate {
    began: mpsc::UnboundedReceiver<Context>,
    go_on: std_mpsc::Sender<()>,
}

impl Gate {
    async fn held(&mut self) -> Context {
        bounded(self.began.recv()).await.expect("a handler holds its thread")
    }

    fn let_go(&self) {
        self.go_on.send(()).expect("there is a handler");
    }
}

/// `hold` blocks its thread until it is released; `panic` then panics, `pend` then awaits for ever. `log` is
/// a notification that blocks its thread. `ping` is ready at once.
fn router() -> (Router, Gate) {
    let (begin, began) = mpsc::unbounded_channel();
    let (go_on, gate) = std_mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let hold = move |cx: Context| {
        let _ = begin.send(cx); // the test may be over
        let _ = gate.lock().expect("no panic").recv();
    };
    let [panic, pend, log] = [hold.clone(), hold.clone(), hold.clone()];
    let router = Router::new()
        .method("hold", move |cx: Context, _: NoParams| {
            hold(cx);
            async { Answer::Ok("let go") }
        })
        .method("panic", move |cx: Context, _: NoParams| {
            panic(cx);
            async { panic!("as the test wants it") as Answer<()> }
        })
        .method("pend", move |cx: Context, _: NoParams| {
            pend(cx);
            std::future::pending::<Answer<()>>()
        })
        .notification("log", move |cx: Context, _: NoParams| {
            log(cx);
            async {}
        })
        .method("ping", |_: Context, _: NoParams| async { Answer::Ok("pong") });
    (router, Gate { began, go_on })
}

fn call(peer: &Peer, method: &str) -> JoinHandle<Result<String, CallError>> {
    tokio::spawn(peer.call::<String>(method, ()))
}

async fn ping(peer: &Peer) {
    assert_eq!(bounded(peer.call::<String>("ping", ())).await.expect("an answer"), "pong");
}

/// Waits until this many calls are being served: a reply is sent before its call stops being counted.
async fn served(peer: &Peer, count: usize) {
    bounded(async {
        while peer.serving() != count {
            sleep(millis(1)).await;
        }
    })
    .await;
}

/// Waits until no task works for the connection that held this permit, and nothing keeps the permit.
async fn unused(permit: &Arc<()>) {
    bounded(async {
        while Arc::strong_count(permit) > 1 {
            sleep(millis(1)).await;
        }
    })
    .await;
}

fn request(id: u64, method: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method}).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_behind_the_hand_over_is_the_calls_own() {
    for join in [Join::Memory, Join::Socket] {
        let (serving, mut gate) = router();
        let pair = join.peers(Side::default(), Side::new(serving)).await;
        let held = call(&pair.client, "panic");
        gate.held().await;
        ping(&pair.client).await;
        gate.let_go();
        let error = bounded(held).await.expect("no panic").expect_err("it panicked");
        assert!(matches!(&error, CallError::Rpc(error) if error.code() == -32603), "{error:?}");
        ping(&pair.client).await;
        served(&pair.server, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_id_of_a_held_call_is_in_flight() {
    let (serving, mut gate) = router();
    let (mut raw, _server) = Join::Socket.raw(Some("birpc.v1"), Side::new(serving)).await;
    raw.send([request(1, "hold")]).await;
    gate.held().await;
    assert_eq!(bounded(raw.ask(&request(1, "ping"))).await["error"]["code"], -32600);
    gate.let_go();
    assert_eq!(bounded(raw.json()).await, json!({"jsonrpc": "2.0", "id": 1, "result": "let go"}));
    assert_eq!(bounded(raw.ask(&request(1, "ping"))).await["result"], "pong");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_notification_is_waited_for_by_nobody() {
    for batch in [false, true] {
        let (serving, mut gate) = router();
        let (mut raw, server) = Join::Memory.raw(None, Side::new(serving)).await;
        let log = r#"{"jsonrpc":"2.0","method":"log"}"#;
        let text = if batch { format!("[{},{log}]", request(1, "ping")) } else { log.to_owned() };
        raw.send([text]).await;
        gate.held().await;
        if batch {
            // The array is complete, although the notification's handler blocks its thread.
            assert_eq!(bounded(raw.json()).await[0]["result"], "pong");
        }
        assert_eq!(bounded(raw.ask(&request(2, "ping"))).await["result"], "pong");
        served(&server, 1).await;
        gate.let_go();
        served(&server, 0).await;
        assert_eq!(bounded(raw.ask(&request(3, "ping"))).await["result"], "pong");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_had_waited_its_turn_may_hold_the_task_too() {
    let (serving, mut gate) = router();
    let end = Arc::new(Notify::new());
    let ended = end.clone();
    let serving = serving.method("short", move |_: Context, _: NoParams| {
        let ended = ended.clone();
        async move {
            ended.notified().await;
            Answer::Ok("short")
        }
    });
    let side = Side::new(serving).limits(|limits| limits.max_in_flight = 1);
    let pair = Join::Socket.peers(Side::default(), side).await;
    let first = call(&pair.client, "short");
    served(&pair.server, 1).await;
    let (parked, behind) = (call(&pair.client, "hold"), async { ping(&pair.client).await });
    served(&pair.server, 2).await;
    end.notify_one();
    let cx = gate.held().await;
    assert_eq!(bounded(first).await.expect("no panic").expect("a result"), "short");
    assert!(timeout(MOVED, behind).await.is_err(), "one runs at a time");
    assert!(!cx.is_cancelled());
    gate.let_go();
    assert_eq!(bounded(parked).await.expect("no panic").expect("a result"), "let go");
    ping(&pair.client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_cuts_a_held_call_in_time_and_counts_it() {
    let (serving, mut gate) = router();
    let server = Server::builder().limits(|limits| limits.close_timeout = millis(500));
    let server = server.bind("127.0.0.1:0").await.expect("a free port");
    let (handle, url) = (server.handle(), format!("ws://{}/", server.local_addr().expect("it is bound")));
    let served = tokio::spawn(server.serve(serving));
    let client = Client::connect(&url).await.expect("a server");
    let held = call(client.peer(), "hold");
    let cx = gate.held().await;
    // Its handler goes on all the time.
    let drained = bounded(handle.shutdown(millis(400))).await;
    bounded(served).await.expect("no panic").expect("a router");
    assert_eq!((drained.finished, drained.cut), (0, 1));
    assert!(cx.is_cancelled() && bounded(held).await.expect("no panic").is_err());
    gate.let_go();
}

/// The connection is dropped while its second driver polls a handler, so that call is not in the table yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_call_that_is_polled_while_its_connection_is_dropped_gives_back_its_slot() {
    let mut limits = Limits::default();
    limits.max_in_flight_total = Some(2);
    limits.max_open_total = Some(2);
    let shared = SharedLimits::new(&limits);
    let start = |serving: Router| {
        let (near, far) = memory_pair();
        let (config, permit) = (Arc::new(Config::default()), Arc::new(()));
        let (client, near) = Connection::new(near, config.clone(), ConnectionInfo::default());
        tokio::spawn(near);
        let (server, far) = Connection::sharing(far, config, ConnectionInfo::default(), shared.clone());
        let far = tokio::spawn(far.serve(serving).holding(permit.clone()));
        (client, server, far, permit)
    };
    let (serving, mut gate) = router();
    let (client, server, task, permit) = start(serving);
    for method in ["hold", "pend", "pend"] {
        let call = call(&client, method);
        let cx = gate.held().await;
        if method == "hold" {
            ping(&client).await; // the second driver has it now
            gate.let_go();
            assert_eq!(bounded(call).await.expect("no panic").expect("a result"), "let go");
        } else {
            // At once, before the watchdog can see that the handler blocks.
            task.abort();
            bounded(server.closed()).await;
            while !cx.is_cancelled() {
                sleep(millis(1)).await;
            }
            gate.let_go();
            break;
        }
    }
    unused(&permit).await;
    // Two slots and two permits are free again, for two handlers that block.
    let (serving, mut gate) = router();
    let (client, ..) = start(serving);
    let held = [call(&client, "hold"), call(&client, "hold")];
    for _ in &held {
        gate.held().await;
    }
    (0..held.len()).for_each(|_| gate.let_go());
    for held in held {
        bounded(held).await.expect("no panic").expect("a result");
    }
}

/// Neither the watchdog nor the receivers of the end keep a connection whose handlers blocked it one after
/// the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn nothing_is_left_of_a_connection_that_was_held() {
    let permit = Arc::new(());
    for round in 0..3 {
        let (serving, mut gate) = router();
        let (near, far) = memory_pair();
        let (config, info) = (Arc::new(Config::default()), ConnectionInfo::default);
        let (client, near) = Connection::new(near, config.clone(), info());
        tokio::spawn(near);
        let (server, far) = Connection::new(far, config, info());
        let task = tokio::spawn(far.serve(serving).holding(permit.clone()));
        let held = [call(&client, "hold"), call(&client, "panic")];
        for _ in &held {
            gate.held().await;
        }
        ping(&client).await;
        if round == 1 {
            server.close(1000, "done").expect("it may be sent");
        }
        // Either may have come first.
        (0..held.len()).for_each(|_| gate.let_go());
        for held in held {
            let _ = bounded(held).await.expect("no panic"); // the connection may have ended before
        }
        match round {
            0 => task.abort(),
            1 => {}
            _ => server.close(1000, "done").expect("it may be sent"),
        }
        assert!(bounded(server.closed()).await.code >= 1000);
    }
    unused(&permit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_connect_may_panic_when_it_has_held_the_task() {
    for time in [0, 400] {
        let builder = Server::builder().on_connect(move |_: Peer| async move {
            thread::sleep(millis(time));
            assert_eq!(1, 2, "as the test wants it");
        });
        let server = builder.bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/", server.local_addr().expect("it is bound"));
        let handle = server.handle();
        let served = tokio::spawn(server.serve(router().0));
        let client = Client::connect(&url).await.expect("a server");
        ping(client.peer()).await;
        handle.stop();
        bounded(served).await.expect("no panic").expect("a router");
    }
}

/// A runtime shuts down while a handler blocks a thread: the connection ends when the thread is released.
#[test]
fn the_runtime_may_shut_down_meanwhile() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (serving, mut gate) = router();
    let (client, server, held) = runtime.block_on(async {
        let pair = Join::Memory.peers(Side::default(), Side::new(serving)).await;
        let held = call(&pair.client, "pend");
        gate.held().await;
        (pair.client.clone(), pair.server.clone(), held)
    });
    runtime.shutdown_background();
    gate.let_go();
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    other.block_on(async {
        for peer in [client, server] {
            assert_eq!(bounded(peer.closed()).await.code, 1006);
        }
        assert!(bounded(held).await.is_err() || !gate.began.is_closed());
    });
}

/// With one thread, tasks that wait for a blocking handler continue when it ends; nothing is lost.
#[tokio::test]
async fn a_single_thread_goes_on_behind_a_handler_that_has_blocked_it() {
    let (serving, gate) = router();
    let pair = Join::Socket.peers(Side::default(), Side::new(serving)).await;
    let letting_go = thread::spawn(move || {
        for _ in 0..3 {
            thread::sleep(MOVED);
            gate.let_go();
        }
        gate
    });
    let held = [call(&pair.client, "hold"), call(&pair.client, "hold")];
    let panicking = call(&pair.client, "panic");
    ping(&pair.client).await;
    for held in held {
        assert_eq!(bounded(held).await.expect("no panic").expect("a result"), "let go");
    }
    assert!(bounded(panicking).await.expect("no panic").is_err());
    letting_go.join().expect("no panic");
    pair.server.close(1000, "done").expect("it may be sent");
    assert_eq!(bounded(pair.client.closed()).await.code, 1000);
}

async fn others(mut raw: Raw, texts: impl IntoIterator<Item = String>) -> Raw {
    raw.send(texts).await;
    raw
}

/// The hook for messages that are not JSON-RPC may block the task as a handler may, and is called in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_for_other_messages_that_blocks_stops_no_connection() {
    let (begin, mut began) = mpsc::unbounded_channel();
    let (go_on, gate) = std_mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let serving = router().0.on_other_message(move |_, text| {
        let _ = begin.send(text.to_owned()); // the test may be over
        let _ = gate.lock().expect("one at a time").recv();
        assert!(text != "text 1", "a panic lets the others through");
    });
    let side = Side::new(serving).limits(|limits| limits.max_in_flight = 4);
    let (raw, server) = Join::Socket.raw(None, side).await;
    let mut raw = others(raw, (0..8).map(|number| format!("text {number}"))).await;
    assert_eq!(bounded(began.recv()).await.expect("a message"), "text 0");
    for id in 1..5 {
        assert_eq!(bounded(raw.ask(&request(id, "ping"))).await["result"], "pong");
    }
    // One is delivered, four wait, and three were dropped.
    for number in 1..5 {
        go_on.send(()).expect("the hook waits");
        assert_eq!(bounded(began.recv()).await.expect("a message"), format!("text {number}"));
    }
    go_on.send(()).expect("the hook waits");
    sleep(millis(20)).await;
    raw.send(["text 8", r#"[{"event":1},{"jsonrpc":"2.0","id":9,"method":"ping"}]"#]).await;
    assert_eq!(bounded(began.recv()).await.expect("a message"), "text 8");
    assert_eq!(bounded(raw.json()).await[0]["result"], "pong");
    go_on.send(()).expect("the hook waits");
    assert_eq!(bounded(began.recv()).await.expect("a message"), r#"{"event":1}"#);
    server.close(1000, "done").expect("it may be sent");
    raw.close(1000, "done").await;
    assert_eq!(bounded(server.closed()).await.code, 1000);
}

/// The client gives up while `authorize` is still running.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authorize_is_dropped_with_its_client() {
    struct Dropped(mpsc::UnboundedSender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(()); // the test may be over
        }
    }
    let (begin, mut began) = mpsc::unbounded_channel();
    let (told, mut dropped) = mpsc::unbounded_channel();
    let builder = Server::builder().authorize(move |_| {
        let _ = begin.send(()); // the test may be over
        let told = Dropped(told.clone());
        async move {
            let _told = told;
            std::future::pending::<()>().await;
            Ok::<_, birpc::Refusal>(birpc::Grant::new())
        }
    });
    let server = builder.bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", server.local_addr().expect("it is bound"));
    tokio::spawn(server.serve(Router::new()));
    for _ in 0..5 {
        let url = url.clone();
        let client = tokio::spawn(async move { Client::connect(&url).await });
        bounded(began.recv()).await.expect("a handshake");
        client.abort();
        bounded(dropped.recv()).await.expect("it is told");
    }
}
