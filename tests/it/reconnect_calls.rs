//! Calls and notifications when a client's connection is lost and renewed: nothing is sent twice that must
//! not be, and all waiting is bounded.

use std::time::Duration;

use birpc::{
    CallError, Client, ClientBuilder, ConnectionState, ErrorObject, Peer, Reconnect, Router, Server,
    WhileDown, rpc,
};
use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::{Dials, Heard, NoParams, Raw, unreachable};

#[rpc]
trait Store {
    #[rpc(idempotent)]
    async fn get(&self) -> Result<u32, ErrorObject>;
    async fn add(&self) -> Result<u32, ErrorObject>;
}

type Outcome = Result<u32, CallError>;

fn builder(while_down: WhileDown) -> ClientBuilder {
    Client::builder().reconnect(Reconnect::default().while_down(while_down))
}

async fn connected() -> (Client, Dials, Raw) {
    Dials::connected(builder(WhileDown::default())).await
}

fn spawn(peer: &Peer, method: &str) -> JoinHandle<Outcome> {
    tokio::spawn(peer.call::<u32>(method, ()))
}

async fn client_is(client: &Client, state: ConnectionState) {
    while client.state() != state {
        tokio::task::yield_now().await;
    }
}

/// Cuts the connection, and makes this many attempts fail.
async fn cut(client: &Client, dials: &Dials, raw: Raw, failures: usize) {
    dials.fail((0..failures).map(|_| unreachable()));
    drop(raw);
    client_is(client, ConnectionState::Connecting).await;
}

async fn answer(raw: &mut Raw, method: &str, result: u32) -> Value {
    let request = raw.json().await;
    assert_eq!(request["method"], method);
    raw.send([json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string()]).await;
    request
}

fn was_sent(outcome: &Outcome) -> Option<bool> {
    match outcome {
        Err(CallError::Disconnected { sent, .. }) => Some(*sent),
        _ => None,
    }
}

/// All tasks of the runtime except for the test's own.
fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn calls_wait_in_an_outage_and_go_out_once() {
    let (client, mut dials, raw) = connected().await;
    cut(&client, &dials, raw, 5).await;
    let calls: Vec<_> = (0..10).map(|_| spawn(client.peer(), "work")).collect();
    let told = tokio::spawn(client.peer().notify("told", ()));
    let mut raw = dials.next().await;
    let mut heard = Vec::new();
    for _ in 0..11 {
        let request = raw.json().await;
        if let Some(id) = request["id"].as_u64() {
            raw.send([json!({"jsonrpc": "2.0", "id": id, "result": 7}).to_string()]).await;
        }
        heard.push(request["method"].as_str().expect("a method").to_owned());
    }
    assert_eq!(heard.iter().filter(|method| *method == "told").count(), 1, "{heard:?}");
    for outcome in join_all(calls).await {
        assert_eq!(outcome.expect("no panic"), Ok(7));
    }
    assert_eq!(told.await.expect("no panic"), Ok(()));
    client.close(1000, "").expect("it may be sent");
    assert_eq!(raw.hear().await, Heard::Close(1000, String::new()), "nothing came twice");
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_ends_and_what_was_not_goes_out_on_the_next_connection() {
    let limits = |limits: &mut birpc::Limits| {
        limits.max_queued_bytes = 1;
        limits.write_stall = Duration::MAX;
    };
    let (client, mut dials, mut raw) = Dials::connected(builder(WhileDown::default()).limits(limits)).await;
    let big = "x".repeat(600 << 10); // more than the pair holds
    let mut calls = Vec::new();
    for method in ["sent", "queued", "waiting"] {
        calls.push(tokio::spawn(client.peer().call::<u32>(method, [&big])));
        while client.peer().in_flight() < calls.len() {
            tokio::task::yield_now().await;
        }
    }
    let told = tokio::spawn(client.peer().notify("told", [&big])); // waits for room
    tokio::task::yield_now().await;
    assert!(raw.json().now_or_never().is_some_and(|request| request["method"] == "sent"));
    let [sent, queued, waiting] = calls.try_into().expect("three");
    // The pair has room again, but the connection is cut before the client's task notices.
    drop(raw);
    assert_eq!(was_sent(&sent.await.expect("no panic")), Some(true));
    let mut raw = dials.next().await;
    let (mut methods, mut ids) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let request = raw.json().await;
        assert_eq!(request["params"], json!([big]));
        methods.push(request["method"].as_str().expect("a method").to_owned());
        if let Some(id) = request["id"].as_u64() {
            ids.push(id);
            raw.send([json!({"jsonrpc": "2.0", "id": id, "result": 1}).to_string()]).await;
        }
    }
    methods.sort();
    assert_eq!((methods, ids), (["queued", "told", "waiting"].map(String::from).to_vec(), vec![1, 2]));
    for call in [queued, waiting] {
        assert_eq!(call.await.expect("no panic"), Ok(1));
    }
    assert_eq!(told.await.expect("no panic"), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn only_what_is_idempotent_is_sent_again() {
    let (client, mut dials, mut raw) = connected().await;
    let store: StoreClient = client.stub();
    for round in 0..5 {
        let (get, add) = (tokio::spawn(store.get()), tokio::spawn(store.add()));
        let untyped = tokio::spawn(client.peer().call::<u32>("read", ()).idempotent());
        for _ in 0..3 {
            raw.json().await;
        }
        drop(raw);
        assert_eq!(was_sent(&add.await.expect("no panic")), Some(true));
        raw = dials.next().await;
        let mut methods = Vec::new();
        for _ in 0..2 {
            let request = raw.json().await;
            methods.push(request["method"].as_str().expect("a method").to_owned());
            raw.send([json!({"jsonrpc": "2.0", "id": request["id"], "result": round}).to_string()]).await;
        }
        methods.sort();
        assert_eq!(methods, ["get", "read"]);
        assert_eq!((get.await.expect("no panic"), untyped.await.expect("no panic")), (Ok(round), Ok(round)));
        assert_eq!(client.peer().in_flight(), 0);
    }
    client.close(1000, "").expect("it may be sent");
    assert_eq!(raw.hear().await, Heard::Close(1000, String::new()), "nothing came twice");
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_call_says_that_it_was_sent_when_no_connection_comes() {
    let (client, dials, mut raw) =
        Dials::connected(Client::builder().reconnect(Reconnect::default().max_attempts(2))).await;
    let call = tokio::spawn(client.peer().call::<u32>("read", ()).idempotent());
    raw.json().await;
    cut(&client, &dials, raw, 2).await;
    let outcome = call.await.expect("no panic");
    assert_eq!(was_sent(&outcome), Some(true));
    assert_eq!(outcome, Err(CallError::Disconnected { reason: client.closed().await, sent: true }));
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_are_bounded() {
    let (client, mut dials, raw) = Dials::connected(builder(WhileDown::Wait { at_most: 3 })).await;
    cut(&client, &dials, raw, 3).await;
    let mut waiting: Vec<_> = (0..2).map(|_| Box::pin(client.peer().call::<u32>("work", ()))).collect();
    assert!(waiting.iter_mut().all(|call| call.as_mut().now_or_never().is_none()));
    let mut told = Box::pin(client.peer().notify("told", ()));
    assert!(told.as_mut().now_or_never().is_none());
    let reason = client.peer().close_reason().expect("an outage has one");
    let past = CallError::Disconnected { reason, sent: false };
    assert_eq!(client.peer().call::<u32>("past", ()).await, Err(past.clone()));
    assert_eq!(client.peer().notify("past", ()).await, Err(past.clone()));
    // A place is free again when its call is dropped, cancelled or timed out.
    drop(waiting.pop());
    let cancelled = client.peer().call::<u32>("work", ());
    let handle = cancelled.handle();
    let (outcome, ()) = tokio::join!(cancelled, async { handle.cancel() });
    assert_eq!(outcome, Err(CallError::Cancelled));
    let late = client.peer().call::<u32>("work", ()).with_timeout(Duration::ZERO);
    assert_eq!(late.await, Err(CallError::TimedOut));
    let last = spawn(client.peer(), "last");
    tokio::task::yield_now().await;
    assert_eq!(client.peer().call::<u32>("past", ()).await, Err(past));

    let mut raw = dials.next().await;
    let serve = async {
        for _ in 0..3 {
            let request = raw.json().await;
            assert!(["work", "told", "last"].contains(&request["method"].as_str().expect("a method")));
            if request["id"].is_u64() {
                raw.send([json!({"jsonrpc": "2.0", "id": request["id"], "result": 1}).to_string()]).await;
            }
        }
    };
    let work = waiting.pop().expect("one is left");
    let (work, told, last, ()) = tokio::join!(work, told, last, serve);
    assert_eq!((work, told, last.expect("no panic")), (Ok(1), Ok(()), Ok(1)));
}

#[tokio::test(start_paused = true)]
async fn they_fail_at_once_if_they_may_not_wait() {
    let (client, mut dials, mut raw) = Dials::connected(builder(WhileDown::Fail)).await;
    let again = tokio::spawn(client.peer().call::<u32>("read", ()).idempotent());
    raw.json().await;
    cut(&client, &dials, raw, 1).await;
    assert_eq!(was_sent(&again.await.expect("no panic")), Some(true));
    let mut call = Box::pin(client.peer().call::<u32>("work", ()));
    assert_eq!(call.as_mut().now_or_never().as_ref().and_then(was_sent), Some(false));
    assert!(client.peer().notify("told", ()).now_or_never().expect("at once").is_err());
    let mut raw = dials.next().await;
    client_is(&client, ConnectionState::Open).await;
    let (outcome, _) = tokio::join!(client.peer().call::<u32>("work", ()), answer(&mut raw, "work", 1));
    assert_eq!(outcome, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_counts_from_the_first_poll_over_all_connections() {
    let (client, dials, mut raw) = connected().await;
    let bounded = client.peer().clone().with_timeout(Duration::from_secs(7));
    // During a long outage.
    let began = Instant::now();
    let call = tokio::spawn(bounded.call::<u32>("read", ()).idempotent());
    raw.json().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    cut(&client, &dials, raw, 40).await;
    assert_eq!(call.await.expect("no panic"), Err(CallError::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 7);
    // On a connection that came in time.
    let (client, mut dials, mut raw) = connected().await;
    let bounded = client.peer().clone().with_timeout(Duration::from_secs(7));
    let began = Instant::now();
    let call = tokio::spawn(bounded.call::<u32>("read", ()).idempotent());
    let first = raw.json().await["id"].clone();
    drop(raw);
    let mut raw = dials.next().await;
    assert_eq!(raw.json().await["method"], "read");
    assert_eq!(call.await.expect("no panic"), Err(CallError::TimedOut));
    assert_eq!((began.elapsed().as_secs(), client.peer().in_flight()), (7, 0));
    let cancel = raw.json().await;
    assert_eq!(cancel, json!({"jsonrpc": "2.0", "method": "rpc.cancel", "params": {"id": first}}));
}

#[tokio::test(start_paused = true)]
async fn a_handle_cancels_on_whichever_connection_the_call_is() {
    let (client, mut dials, mut raw) = connected().await;
    let call = client.peer().call::<u32>("read", ()).idempotent();
    let handle = call.handle();
    let call = tokio::spawn(call);
    raw.json().await;
    cut(&client, &dials, raw, 3).await;
    let mut raw = dials.next().await;
    let id = raw.json().await["id"].clone();
    handle.cancel();
    assert_eq!(call.await.expect("no panic"), Err(CallError::Cancelled));
    let cancel = raw.json().await;
    assert_eq!(cancel, json!({"jsonrpc": "2.0", "method": "rpc.cancel", "params": {"id": id}}));
    // Created during the outage, for a call that is already waiting.
    cut(&client, &dials, raw, 3).await;
    let mut call = Box::pin(client.peer().call::<u32>("never", ()));
    assert!(call.as_mut().now_or_never().is_none());
    call.handle().cancel();
    assert_eq!(call.await, Err(CallError::Cancelled));
    let mut raw = dials.next().await;
    client.close(1000, "").expect("it may be sent");
    assert_eq!(raw.hear().await, Heard::Close(1000, String::new()), "the call was never sent");
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_the_next_connection_and_is_sent_once() {
    let (client, mut dials, raw) = connected().await;
    cut(&client, &dials, raw, 5).await;
    let mut batch = client.peer().batch();
    let (one, dropped) = (batch.call::<u32>("one", ()), batch.call::<u32>("dropped", ()));
    batch.notify("told", ());
    let mut sending = Box::pin(batch.send());
    assert!(sending.as_mut().now_or_never().is_none());
    drop(dropped); // while the batch waits
    let mut raw = dials.next().await;
    assert_eq!(sending.await, Ok(()));
    let sent = raw.json().await;
    let methods: Vec<_> = sent.as_array().expect("an array").iter().map(|entry| &entry["method"]).collect();
    assert_eq!(methods, ["one", "told"]);
    raw.send([json!([{"jsonrpc": "2.0", "id": sent[0]["id"], "result": 1}]).to_string()]).await;
    assert_eq!(one.await, Ok(1));
    // A batch that was sent is not sent again.
    let mut batch = client.peer().batch();
    let lost = batch.call::<u32>("lost", ());
    batch.send().await.expect("it is up");
    raw.json().await;
    cut(&client, &dials, raw, 3).await;
    assert_eq!(was_sent(&lost.await), Some(true));
    // A batch that waits has the same limits as a call.
    let mut batch = client.peer().clone().with_timeout(Duration::ZERO).batch();
    let late = batch.call::<u32>("late", ());
    assert_eq!(batch.send().await, Err(CallError::TimedOut));
    assert_eq!(late.await, Err(CallError::TimedOut));
    let mut raw = dials.next().await;
    client.close(1000, "").expect("it may be sent");
    assert_eq!(raw.hear().await, Heard::Close(1000, String::new()));
}

// In handlers and in the hook, the peer is a fixed connection, and ends with it.
#[tokio::test(start_paused = true)]
async fn a_handle_from_a_handler_is_of_its_connection_alone() {
    let (kept, mut keep) = tokio::sync::mpsc::unbounded_channel();
    let router = Router::new().method("keep", move |cx: birpc::Context, _: NoParams| {
        kept.send(cx.peer()).expect("the test listens");
        async { Ok::<_, ErrorObject>(1) }
    });
    let (client, mut dials, mut raw) = Dials::connected(builder(WhileDown::default()).serve(router)).await;
    raw.ask(r#"{"jsonrpc":"2.0","method":"keep","id":1}"#).await;
    let peer = keep.recv().await.expect("it was kept");
    assert_eq!(peer, *client.peer(), "of the same client");
    drop(raw);
    let _raw = dials.next().await;
    assert_eq!(was_sent(&peer.call::<u32>("late", ()).await), Some(false));
    assert_eq!((peer.state(), peer.closed().await.code), (ConnectionState::Closed, 1006));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_reconnects_leave_nothing_behind() {
    const CLIENTS: usize = 20;
    const ROUNDS: usize = 50;
    let before = tasks();
    let clients = (0..CLIENTS).map(|_| async {
        let (client, mut dials, mut raw) = connected().await;
        for round in 0..ROUNDS {
            let peer = client.peer();
            let dropped = Box::pin(peer.call::<u32>("dropped", ())).now_or_never();
            let (sent, again) =
                (spawn(peer, "sent"), tokio::spawn(peer.call::<u32>("again", ()).idempotent()));
            let mut heard = 0;
            while heard < 2 {
                let method = raw.json().await["method"].clone();
                heard += usize::from(method == "sent" || method == "again");
            }
            cut(&client, &dials, raw, round % 3).await;
            let waited = spawn(peer, "waited");
            raw = dials.next().await;
            let mut results = Vec::new();
            for _ in 0..2 {
                let request = raw.json().await;
                results.push(request["method"].clone());
                raw.send([json!({"jsonrpc": "2.0", "id": request["id"], "result": 1}).to_string()]).await;
            }
            results.sort_by_key(Value::to_string);
            assert_eq!(results, ["again", "waited"]);
            assert!(dropped.is_none() && was_sent(&sent.await.expect("no panic")) == Some(true));
            assert_eq!((again.await.expect("no panic"), waited.await.expect("no panic")), (Ok(1), Ok(1)));
            assert_eq!((client.peer().in_flight(), client.peer().serving()), (0, 0));
        }
        drop(client);
        dials.over.recv().await.expect("its loop has ended");
    });
    join_all(clients).await;
    while tasks() > before {
        tokio::task::yield_now().await;
    }
}

/// Serves `ping` on a port that other servers use before and after.
fn serve_on(listener: &std::net::TcpListener) -> birpc::ServerHandle {
    let listener = TcpListener::from_std(listener.try_clone().expect("a socket")).expect("a listener");
    let server = Server::builder().from_listener(listener);
    let handle = server.handle();
    tokio::spawn(
        server.serve(Router::new().method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>(1) })),
    );
    handle
}

// The whole sequence, with a server that is stopped (1001) and comes back on the same port.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_is_found_again() {
    crate::support::bounded(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket option");
        let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
        let server = serve_on(&listener);
        let brisk = Reconnect::default().backoff(Duration::from_millis(1), Duration::from_millis(10));
        let client = Client::builder().reconnect(brisk).connect(&url).await.expect("a server");
        let mut events = client.events();
        assert_eq!(events.next().await, Some(birpc::Event::Open));
        assert_eq!(client.peer().call::<u32>("ping", ()).await, Ok(1));
        server.stop();
        let lost = events.next().await;
        assert!(matches!(&lost, Some(birpc::Event::Lost(reason)) if reason.code == 1001), "{lost:?}");
        let _server = serve_on(&listener);
        assert_eq!(client.peer().call::<u32>("ping", ()).await, Ok(1));
        assert_eq!(events.next().await, Some(birpc::Event::Open));
    })
    .await;
}
