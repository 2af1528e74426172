//! Limits that all connections of a server share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use birpc::transport::{Role, Transport, memory_pair};
use birpc::{Config, Connection, ConnectionInfo, Context, ErrorObject, Limits, Peer, Router, SharedLimits};
use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use crate::support::{Join, Listening, NoParams, Raw, Record, Side, bounded, listen, over_both, sockets};

over_both! {
    a_slot_goes_to_the_connections_in_turn
    no_more_than_the_limit_run_at_once
    a_connection_that_ends_gives_back_what_it_holds
    a_connection_that_ends_in_line_keeps_no_slot
    a_call_that_is_cancelled_in_line_keeps_no_slot
    a_handler_that_awaits_a_call_holds_no_slot
    past_the_open_calls_of_all_connections_a_call_is_refused
}

/// A server whose connections share their limits.
enum Shared {
    Begun { over: Join, config: Arc<Config>, router: Arc<Router>, shared: SharedLimits },
    Socket(Box<Listening>),
}

impl Shared {
    async fn new(join_by: Join, router: Router, change: impl FnOnce(&mut Limits)) -> Self {
        let mut config = Config::default();
        change(&mut config.limits);
        match join_by {
            over @ (Join::Memory | Join::Tungstenite) => {
                let shared = SharedLimits::new(&config.limits);
                Self::Begun { over, config: Arc::new(config), router: Arc::new(router), shared }
            }
            Join::Socket => {
                let side = Side::new(router).limits(|limits| *limits = config.limits);
                Self::Socket(Box::new(listen(side).await))
            }
        }
    }

    async fn raw(&mut self) -> (Raw, Peer) {
        match self {
            Self::Begun { over: Join::Tungstenite, config, router, shared } => {
                let (near, far) = sockets(Some("birpc.v1")).await;
                let far = birpc::tungstenite::WebSocket::new(far, Role::Server);
                (Raw::Socket(Box::new(near)), begin(far, config, router, shared))
            }
            Self::Begun { config, router, shared, .. } => {
                let (near, far) = memory_pair();
                (Raw::Memory(near), begin(far, config, router, shared))
            }
            Self::Socket(listening) => {
                let stream = TcpStream::connect(listening.address).await.expect("the server listens");
                let raw = Raw::connect(stream, &listening.url(), Some("birpc.v1")).await;
                (raw, listening.connected.recv().await.expect("the server runs"))
            }
        }
    }
}

fn begin(
    transport: impl Transport,
    config: &Arc<Config>,
    router: &Arc<Router>,
    shared: &SharedLimits,
) -> Peer {
    let info = ConnectionInfo::default().with_subprotocol("birpc.v1");
    let (peer, connection) = Connection::sharing(transport, config.clone(), info, shared.clone());
    tokio::spawn(connection.serve(router.clone()));
    peer
}

/// `work` reports that it has started, and ends when the test releases one; `ask` asks its caller.
#[derive(Clone)]
struct Slow {
    started: Record<u32>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Slow {
    fn new() -> Self {
        let (running, most) = Default::default();
        Self { started: Record::default(), running, most, gate: Arc::new(Semaphore::new(0)) }
    }

    async fn work(&self, number: u32) -> Result<u32, ErrorObject> {
        self.started.push(number);
        self.most.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        self.gate.acquire().await.expect("it is never closed").forget();
        self.running.fetch_sub(1, Ordering::SeqCst);
        Ok(number)
    }

    fn router(&self) -> Router {
        let slow = self.clone();
        Router::new()
            .method("work", move |_, (number,): (u32,)| {
                let slow = slow.clone();
                async move { slow.work(number).await }
            })
            .method("ask", |cx: Context, _: NoParams| async move {
                Ok::<u32, ErrorObject>(cx.peer().call("number", ()).await?)
            })
    }
}

fn work(number: u32) -> String {
    json!({"jsonrpc": "2.0", "method": "work", "params": [number], "id": number}).to_string()
}

/// Sends calls. When this returns, the connection's task has read them.
async fn send(raw: &mut Raw, numbers: impl IntoIterator<Item = u32>) {
    raw.send(numbers.into_iter().map(work)).await;
    fence(raw).await;
}

/// Needs no slot.
async fn fence(raw: &mut Raw) {
    assert_eq!(raw.ask(r#"{"jsonrpc":"2.0","method":"no such","id":0}"#).await["error"]["code"], -32601);
}

async fn expect(raw: &mut Raw, number: u32) {
    let reply = raw.json().await;
    assert_eq!((&reply["id"], &reply["result"]), (&json!(number), &json!(number)), "{reply}");
}

async fn a_slot_goes_to_the_connections_in_turn(join_by: Join) {
    let slow = Slow::new();
    let mut server = Shared::new(join_by, slow.router(), |limits| limits.max_in_flight_total = Some(1)).await;
    let (mut busy, _) = server.raw().await;
    let (mut single, _) = server.raw().await;
    send(&mut busy, 1..5).await;
    send(&mut single, [10]).await;
    for number in [1, 2] {
        slow.gate.add_permits(1);
        expect(&mut busy, number).await;
    }
    slow.gate.add_permits(1);
    expect(&mut single, 10).await;
    for number in [3, 4] {
        slow.gate.add_permits(1);
        expect(&mut busy, number).await;
    }
    assert_eq!(slow.started.take(), [1, 2, 10, 3, 4]);
}

async fn no_more_than_the_limit_run_at_once(join_by: Join) {
    let slow = Slow::new();
    let mut server = Shared::new(join_by, slow.router(), |limits| limits.max_in_flight_total = Some(2)).await;
    let mut raws = Vec::new();
    for _ in 0..3 {
        let (mut raw, _) = server.raw().await;
        send(&mut raw, 1..21).await;
        raws.push(raw);
    }
    slow.gate.add_permits(60);
    for raw in &mut raws {
        for _ in 0..20 {
            assert!(raw.json().await["error"].is_null(), "none is lost");
        }
    }
    assert_eq!((slow.most.load(Ordering::SeqCst), slow.started.take().len()), (2, 60));
}

async fn a_connection_that_ends_gives_back_what_it_holds(join_by: Join) {
    let slow = Slow::new();
    let mut server = Shared::new(join_by, slow.router(), |limits| {
        (limits.max_in_flight_total, limits.max_open_total) = (Some(1), Some(3));
    })
    .await;
    let (mut first, peer) = server.raw().await;
    let (mut second, _) = server.raw().await;
    send(&mut first, [1, 2]).await;
    send(&mut second, [10]).await;
    assert_eq!(slow.started.take(), [1]);
    first.close(1000, "").await;
    drop(first);
    peer.closed().await;
    slow.gate.add_permits(1);
    expect(&mut second, 10).await;
    // The permits of its open calls are free too.
    send(&mut second, [11, 12, 13]).await;
    slow.gate.add_permits(3);
    for number in [11, 12, 13] {
        expect(&mut second, number).await;
    }
}

async fn a_connection_that_ends_in_line_keeps_no_slot(join_by: Join) {
    let slow = Slow::new();
    let mut server = Shared::new(join_by, slow.router(), |limits| limits.max_in_flight_total = Some(1)).await;
    let (mut first, _) = server.raw().await;
    let (mut second, peer) = server.raw().await;
    let (mut third, _) = server.raw().await;
    send(&mut first, [1]).await;
    send(&mut second, [10]).await;
    send(&mut third, [20]).await;
    second.close(1000, "").await;
    drop(second);
    peer.closed().await;
    slow.gate.add_permits(2);
    expect(&mut first, 1).await;
    expect(&mut third, 20).await;
    assert_eq!(slow.started.take(), [1, 20]);
}

async fn a_call_that_is_cancelled_in_line_keeps_no_slot(join_by: Join) {
    let slow = Slow::new();
    let mut server = Shared::new(join_by, slow.router(), |limits| limits.max_in_flight_total = Some(1)).await;
    let (mut first, _) = server.raw().await;
    let (mut second, _) = server.raw().await;
    let (mut third, _) = server.raw().await;
    send(&mut first, [1]).await;
    send(&mut second, [10]).await;
    send(&mut third, [20]).await;
    let cancel = second.ask(r#"{"jsonrpc":"2.0","method":"rpc.cancel","params":{"id":10}}"#).await;
    assert_eq!(cancel["error"]["code"], -32800);
    slow.gate.add_permits(2);
    expect(&mut first, 1).await;
    expect(&mut third, 20).await;
    slow.gate.add_permits(1);
    send(&mut second, []).await;
    assert_eq!(slow.started.take(), [1, 20]);
}

// This applies to the slots that all connections share.
async fn a_handler_that_awaits_a_call_holds_no_slot(join_by: Join) {
    let slow = Slow::new();
    let mut server = Shared::new(join_by, slow.router(), |limits| limits.max_in_flight_total = Some(1)).await;
    let (mut asking, _) = server.raw().await;
    let (mut other, _) = server.raw().await;
    let asked = asking.ask(r#"{"jsonrpc":"2.0","method":"ask","id":1}"#).await;
    assert_eq!(asked["method"], "number");
    send(&mut other, [10, 11]).await;
    assert_eq!(slow.started.take(), [10], "the slot is free while the other handler waits");
    let answer = json!({"jsonrpc": "2.0", "result": 7, "id": asked["id"]});
    asking.send([answer.to_string()]).await;
    assert_eq!(asking.json().await["result"], 7, "and it goes on without one");
    slow.gate.add_permits(1);
    expect(&mut other, 10).await;
    slow.gate.add_permits(1);
    expect(&mut other, 11).await;
}

/// Sends until the queue for a peer that does not read is full.
async fn fill(peer: &Peer) {
    let text = "x".repeat(1000);
    while peer.notify("said", [&text]).now_or_never().is_some() {
        yield_now().await;
    }
}

// In memory only: the system decides when a socket is full.
#[tokio::test(start_paused = true)]
async fn a_handler_that_is_paused_holds_no_slot() {
    let slow = Slow::new();
    let large = Arc::new(Semaphore::new(0));
    let ripe = large.clone();
    let router = slow.router().method("large", move |_, _: NoParams| {
        let ripe = ripe.clone();
        async move {
            ripe.acquire().await.expect("it is never closed").forget();
            Ok::<_, ErrorObject>("x".repeat(100_000))
        }
    });
    let mut server = Shared::new(Join::Memory, router, |limits| {
        (limits.max_in_flight_total, limits.max_queued_bytes) = (Some(2), 10_000);
    })
    .await;
    let (mut deaf, deaf_peer) = server.raw().await;
    let (mut other, _) = server.raw().await;
    deaf.send([r#"{"jsonrpc":"2.0","method":"large","id":99}"#.to_owned()]).await;
    send(&mut deaf, [1]).await;
    assert_eq!(slow.started.take(), [1], "both slots are taken");
    fill(&deaf_peer).await;
    large.add_permits(1);
    while deaf_peer.buffered_amount() < 100_000 {
        yield_now().await;
    }
    // It could continue, but must not.
    slow.gate.add_permits(1);
    send(&mut other, [10, 11]).await;
    fence(&mut other).await;
    assert_eq!(slow.started.take(), [10, 11], "a peer that does not read takes no slot from others");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_for_room_holds_no_slot() {
    let slow = Slow::new();
    let ripe = Arc::new(Semaphore::new(0));
    let (one, many) = (ripe.clone(), ripe.clone());
    let router = slow
        .router()
        .notification("tell", move |cx: Context, _: NoParams| {
            let ripe = one.clone();
            async move {
                ripe.acquire().await.expect("it is never closed").forget();
                drop(cx.peer().notify("said", ()).await);
            }
        })
        .notification("tell all", move |cx: Context, _: NoParams| {
            let ripe = many.clone();
            async move {
                ripe.acquire().await.expect("it is never closed").forget();
                let mut batch = cx.peer().batch();
                batch.notify("said", ());
                drop(batch.send().await);
            }
        });
    let mut server = Shared::new(Join::Memory, router, |limits| {
        (limits.max_in_flight_total, limits.max_queued_bytes) = (Some(1), 10_000);
    })
    .await;
    for method in ["tell", "tell all"] {
        let (mut deaf, deaf_peer) = server.raw().await;
        let (mut other, _) = server.raw().await;
        deaf.send([json!({"jsonrpc": "2.0", "method": method}).to_string()]).await;
        fence(&mut deaf).await;
        fill(&deaf_peer).await;
        ripe.add_permits(1);
        other.send([work(10)]).await;
        slow.gate.add_permits(1);
        bounded(expect(&mut other, 10)).await;
        assert_eq!(deaf_peer.serving(), 1, "`{method}` waits for its peer to read");
    }
}

async fn past_the_open_calls_of_all_connections_a_call_is_refused(join_by: Join) {
    let slow = Slow::new();
    let mut server = Shared::new(join_by, slow.router(), |limits| limits.max_open_total = Some(2)).await;
    let (mut first, _) = server.raw().await;
    let (mut second, peer) = server.raw().await;
    send(&mut first, [1]).await;
    send(&mut second, [10]).await;
    for raw in [&mut first, &mut second] {
        let reply: Value = raw.ask(&work(5)).await;
        assert_eq!(reply["error"]["code"], -32005, "{reply}");
    }
    slow.gate.add_permits(1);
    expect(&mut first, 1).await;
    send(&mut second, [11]).await;
    assert_eq!(peer.serving(), 2);
    for number in [10, 11] {
        slow.gate.add_permits(1);
        expect(&mut second, number).await;
    }
    while peer.serving() > 0 {
        yield_now().await;
    }
    assert_eq!(slow.started.take(), [1, 10, 11]);
}
