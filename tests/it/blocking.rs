//! `#[rpc(blocking)]`: methods that block their thread do not run on the threads of the runtime's tasks.

use std::sync::{Mutex, mpsc as std_mpsc};
use std::thread;

use birpc::{Context, ErrorObject, Router, rpc};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;

use crate::support::{Join, Raw, Record, Side, bounded, over_both};

over_both! {
    a_blocking_method_holds_nobody_up
    a_panic_is_an_internal_error
    what_is_cancelled_while_it_runs_keeps_its_slot_until_it_returns
    a_handler_sees_that_its_caller_is_lost
    a_notification_may_block
    an_ordered_method_may_block
    a_handler_that_waits_for_its_peer_gives_its_slot_up
    a_call_that_a_thread_waits_for_is_cancelled_with_its_cause
}

type Answer<T> = Result<T, ErrorObject>;

#[rpc]
trait Disk {
    /// Blocks until the test releases it. Returns whether it was cancelled meanwhile.
    #[rpc(blocking)]
    fn read(&self, cx: &Context, number: u32) -> Answer<u32>;
    #[rpc(blocking, ordered)]
    fn write(&self, cx: &Context, number: u32) -> Answer<u32> {
        self.read(cx, number)
    }
    #[rpc(blocking, notification)]
    fn trim(&self, cx: &Context, number: u32);
    #[rpc(blocking)]
    fn fail(&self) -> Answer<u32> {
        panic!("hunter2")
    }
    /// Asks the caller, and waits for the answer on this thread.
    #[rpc(blocking)]
    fn ask(&self, cx: &Context, number: u32) -> Answer<u32> {
        let caller: DiskClient = cx.stub();
        Ok(Handle::current().block_on(caller.ping(number))?)
    }
    async fn ping(&self, number: u32) -> Answer<u32>;
}

struct Slow {
    began: mpsc::UnboundedSender<u32>,
    go_on: Mutex<std_mpsc::Receiver<()>>,
    cancelled: Record<bool>,
}

/// The test's control of a [`Slow`].
struct Control {
    began: mpsc::UnboundedReceiver<u32>,
    go_on: std_mpsc::Sender<()>,
    cancelled: Record<bool>,
}

impl Disk for Slow {
    fn read(&self, cx: &Context, number: u32) -> Answer<u32> {
        self.began.send(number).expect("the test listens");
        self.go_on.lock().expect("nothing panics under the lock").recv().expect("the test goes on");
        self.cancelled.push(cx.is_cancelled());
        Ok(number)
    }

    fn trim(&self, cx: &Context, number: u32) {
        self.read(cx, number).expect("it gives what it was given");
    }

    async fn ping(&self, number: u32) -> Answer<u32> {
        Ok(number)
    }
}

fn slow() -> (Side, Control) {
    let (begin, began) = mpsc::unbounded_channel();
    let (go_on, wait) = std_mpsc::channel();
    let cancelled = Record::default();
    let disk = Slow { began: begin, go_on: wait.into(), cancelled: cancelled.clone() };
    (Side::new(Router::new().service(DiskServer::new(disk))), Control { began, go_on, cancelled })
}

impl Control {
    fn go_on(&self) {
        self.go_on.send(()).expect("the service is there");
    }
}

fn request(method: &str, number: u32) -> String {
    json!({"jsonrpc": "2.0", "method": method, "params": [number], "id": number}).to_string()
}

fn cancel(number: u32) -> String {
    json!({"jsonrpc": "2.0", "method": "rpc.cancel", "params": {"id": number}}).to_string()
}

async fn ping(raw: &mut Raw) {
    assert_eq!(raw.ask(&request("ping", 100)).await["result"], 100);
}

fn outcome(reply: &Value) -> (u64, i64) {
    (reply["id"].as_u64().expect("an id"), reply["error"]["code"].as_i64().unwrap_or(0))
}

// The in-memory pair has one thread, which would be blocked.
async fn a_blocking_method_holds_nobody_up(join_by: Join) {
    let (side, mut control) = slow();
    let (mut raw, _) = join_by.raw(None, side).await;
    raw.send([request("read", 1)]).await;
    assert_eq!(control.began.recv().await, Some(1));
    ping(&mut raw).await;
    control.go_on();
    assert_eq!(raw.json().await["result"], 1);
    let reply = raw.ask(r#"{"jsonrpc":"2.0","method":"read","params":["x"],"id":2}"#).await;
    assert_eq!(outcome(&reply), (2, -32602), "params are decoded before");
}

async fn a_panic_is_an_internal_error(join_by: Join) {
    let (side, _control) = slow();
    let (mut raw, peer) = join_by.raw(None, side).await;
    let reply = raw.ask(r#"{"jsonrpc":"2.0","method":"fail","id":1}"#).await;
    assert_eq!(outcome(&reply), (1, -32603));
    assert!(!reply.to_string().contains("hunter2"), "{reply}");
    ping(&mut raw).await;
    assert_eq!(peer.serving(), 0);
}

async fn what_is_cancelled_while_it_runs_keeps_its_slot_until_it_returns(join_by: Join) {
    let (side, mut control) = slow();
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), side.in_flight(1)).await;
    raw.send([request("read", 1)]).await;
    assert_eq!(control.began.recv().await, Some(1));
    raw.send([cancel(1), request("read", 2), request("read", 3)]).await;
    assert_eq!(outcome(&raw.json().await), (3, -32005), "one runs and one waits: the cancel freed no slot");
    assert_eq!((peer.serving(), control.began.try_recv().is_err()), (2, true));
    control.go_on();
    assert_eq!(outcome(&raw.json().await), (1, -32800));
    assert_eq!(control.began.recv().await, Some(2));
    control.go_on();
    assert_eq!(raw.json().await["result"], 2);
    assert_eq!(control.cancelled.take(), [true, false]);
}

async fn a_handler_sees_that_its_caller_is_lost(join_by: Join) {
    let (side, mut control) = slow();
    let (mut raw, peer) = join_by.raw(None, side).await;
    raw.send([request("read", 1)]).await;
    assert_eq!(control.began.recv().await, Some(1));
    raw.close(1000, "").await;
    drop(raw);
    peer.closed().await;
    control.go_on();
    let mut cancelled = control.cancelled.take();
    while cancelled.is_empty() {
        tokio::task::yield_now().await;
        cancelled = control.cancelled.take();
    }
    assert_eq!(cancelled, [true]);
}

async fn a_notification_may_block(join_by: Join) {
    let (side, mut control) = slow();
    let (mut raw, peer) = join_by.raw(None, side).await;
    raw.send([r#"{"jsonrpc":"2.0","method":"trim","params":[7]}"#]).await;
    assert_eq!(control.began.recv().await, Some(7));
    ping(&mut raw).await;
    assert_eq!(peer.serving(), 1);
    control.go_on();
    while peer.serving() > 0 {
        ping(&mut raw).await;
    }
}

async fn an_ordered_method_may_block(join_by: Join) {
    let (side, mut control) = slow();
    let (mut raw, _) = join_by.raw(None, side).await;
    raw.send([request("write", 1), request("write", 2)]).await;
    assert_eq!(control.began.recv().await, Some(1));
    ping(&mut raw).await;
    assert!(control.began.try_recv().is_err(), "the second waits for the first");
    control.go_on();
    assert_eq!(raw.json().await["result"], 1);
    assert_eq!(control.began.recv().await, Some(2));
    control.go_on();
    assert_eq!(raw.json().await["result"], 2);
}

// A blocking handler counts towards the limit like one in a task.
async fn a_handler_that_waits_for_its_peer_gives_its_slot_up(join_by: Join) {
    let (side, _control) = slow();
    let (mut raw, peer) = join_by.raw(None, side.in_flight(1)).await;
    raw.send([request("ask", 1)]).await;
    let asked = raw.json().await;
    assert_eq!(asked["method"], "ping");
    ping(&mut raw).await;
    assert_eq!(peer.serving(), 1);
    raw.send([json!({"jsonrpc": "2.0", "result": 5, "id": asked["id"]}).to_string()]).await;
    assert_eq!(raw.json().await["result"], 5);
}

async fn a_call_that_a_thread_waits_for_is_cancelled_with_its_cause(join_by: Join) {
    let (side, _control) = slow();
    let (mut raw, peer) = join_by.raw(Some("birpc.v1"), side).await;
    raw.send([request("ask", 1)]).await;
    let asked = raw.json().await;
    raw.send([cancel(1)]).await;
    let told = raw.json().await;
    assert_eq!((&told["method"], &told["params"]["id"]), (&json!("rpc.cancel"), &asked["id"]));
    assert_eq!(outcome(&raw.json().await), (1, -32800));
    assert_eq!(peer.serving(), 0);
}

/// A runtime with one thread for blocking code.
fn with_one_thread<F: Future>(test: F) -> F::Output {
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    runtime.expect("a runtime").block_on(bounded(test))
}

#[test]
fn what_is_cancelled_before_a_thread_is_free_never_runs() {
    with_one_thread(async {
        let (side, mut control) = slow();
        let (mut raw, peer) = Join::Memory.raw(Some("birpc.v1"), side).await;
        raw.send([request("read", 1), request("read", 2), request("read", 3), cancel(2)]).await;
        assert_eq!(control.began.recv().await, Some(1));
        ping(&mut raw).await;
        assert_eq!(peer.serving(), 3, "it has its place in the runtime's queue, and so keeps its slot");
        control.go_on();
        assert_eq!(raw.json().await["result"], 1);
        assert_eq!(outcome(&raw.json().await), (2, -32800));
        assert_eq!(control.began.recv().await, Some(3));
        control.go_on();
        assert_eq!(raw.json().await["result"], 3);
        assert_eq!(control.cancelled.take(), [false, false]);
    });
}

#[test]
fn the_handler_runs_on_no_thread_of_the_runtimes() {
    #[rpc]
    trait Threads {
        #[rpc(blocking)]
        fn name(&self) -> Answer<Option<String>>;
    }
    struct Named;
    impl Threads for Named {
        fn name(&self) -> Answer<Option<String>> {
            Ok(thread::current().name().map(str::to_owned))
        }
    }
    with_one_thread(async {
        let here = thread::current().name().map(str::to_owned);
        let side = Side::new(Router::new().service(ThreadsServer::new(Named)));
        let pair = Join::Memory.peers(Side::default(), side).await;
        let stub: ThreadsClient = pair.client.stub();
        let there = stub.name().await.expect("a name");
        assert!(there.is_some() && there != here, "{there:?}");
    });
}
