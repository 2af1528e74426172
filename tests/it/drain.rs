//! A server that shuts down finishes the calls that it has accepted, and accepts no others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use birpc::transport::Role;
use birpc::{CallError, Client, ConnectError, Context, Drained, ErrorObject, Initiator, Peer, Router};
use futures_util::FutureExt;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::support::bytes::{TEXT, wired};
use crate::support::{Heard, Join, Listening, NoParams, Side, bounded, code, hanging, listen, over_both};

const LONG: Duration = Duration::from_secs(15);

/// Calls of `work` that wait until the test releases them.
struct Gate {
    began: mpsc::UnboundedReceiver<()>,
    gate: Arc<Semaphore>,
}

fn gated() -> (Router, Gate) {
    let (begin, began) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let router = Router::new().method("work", move |_: Context, (number,): (u32,)| {
        let held = held.clone();
        begin.send(()).expect("the test listens");
        async move {
            held.acquire().await.expect("it stays open").forget();
            Ok::<_, ErrorObject>(number)
        }
    });
    (router, Gate { began, gate })
}

// A turn reads 64 elements, and the last of them may find nothing open.
#[tokio::test]
async fn a_batch_that_is_half_read_is_answered_before_the_drain_ends() {
    let router = Router::new()
        .method("drain", |cx: Context, _: NoParams| async move {
            let peer = cx.peer().clone();
            let mut drain = Box::pin(async move {
                peer.drain().await;
                peer.close(1000, "").expect("it may be sent");
            });
            assert!(drain.as_mut().now_or_never().is_none(), "this call is open");
            tokio::spawn(drain);
            Ok::<_, ErrorObject>(())
        })
        .method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>(()) });
    let (mut raw, _) = Join::Memory.raw(None, Side::new(router)).await;
    let entry = |id| {
        let method = if id == 1 { "drain" } else { "ping" };
        format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":{id}}}"#)
    };
    raw.send([format!("[{}]", (1..=200).map(entry).collect::<Vec<_>>().join(","))]).await;
    let replies = bounded(raw.json()).await;
    assert_eq!(replies.as_array().map(Vec::len), Some(200));
    assert_eq!(bounded(raw.hear()).await, Heard::Close(1000, String::new()));
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_until_the_peer_has_read_what_was_queued() {
    let (wired, mut far) = wired(Role::Server, Side::default(), 1 << 10).await;
    wired.peer.notify("told", ["x".repeat(100_000)]).await.expect("it is open");
    let mut drain = Box::pin(wired.peer.drain());
    assert!(tokio::time::timeout(LONG, &mut drain).await.is_err(), "the peer reads nothing");
    assert_eq!(far.next().await.map(|frame| frame.first), Some(TEXT));
    bounded(drain).await;
}

async fn connect(server: &Listening) -> Client {
    Client::connect(&server.url()).await.expect("the server listens")
}

fn call(client: &Client, number: u32) -> JoinHandle<Result<u32, CallError>> {
    tokio::spawn(client.peer().call("work", (number,)))
}

fn shut_down(server: &Listening, deadline: Duration) -> JoinHandle<Drained> {
    let handle = server.handle.clone();
    tokio::spawn(async move { handle.shutdown(deadline).await })
}

/// Waits until the peer refuses calls because it is shutting down.
async fn refused(peer: &Peer) {
    while code(&peer.call::<()>("no such", ()).await) != -32001 {}
}

/// Waits until `serve` has returned.
async fn served(server: &Listening) {
    while !server.task.is_finished() {
        tokio::task::yield_now().await;
    }
}

fn counts(finished: usize, cut: usize) -> (usize, usize) {
    (finished, cut)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_in_flight_finish_and_new_ones_are_refused() {
    bounded(async {
        let (router, mut gate) = gated();
        let server = listen(Side::new(router).in_flight(2)).await;
        let clients = [connect(&server).await, connect(&server).await];
        // On each side two run, and one waits for its turn.
        let calls: Vec<_> =
            clients.iter().flat_map(|client| (0..3).map(|number| call(client, number))).collect();
        for _ in 0..4 {
            gate.began.recv().await.expect("they run");
        }
        for client in &clients {
            while client.peer().in_flight() < 3 {
                tokio::task::yield_now().await;
            }
            // Sent after the three, so that they have been read.
            assert_eq!(code(&client.peer().call::<()>("no such", ()).await), -32601);
        }
        let drained = shut_down(&server, LONG);
        for client in &clients {
            refused(client.peer()).await;
        }
        match Client::connect(&server.url()).await {
            Err(ConnectError::Refused { status, .. }) => assert_eq!(status, 503),
            other => panic!("{other:?}"),
        }
        assert!(!drained.is_finished());
        gate.gate.add_permits(6);
        for (index, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.expect("it ran"), Ok(index as u32 % 3), "accepted, so answered");
        }
        for client in &clients {
            let reason = client.closed().await;
            assert_eq!((reason.code, reason.initiator, reason.clean), (1001, Initiator::Remote, true));
        }
        let drained = drained.await.expect("it ran");
        assert_eq!((drained.finished, drained.cut), counts(6, 0));
        served(&server).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_the_deadline_calls_are_cut_and_counted() {
    bounded(async {
        let (router, mut hanging) = hanging();
        let server = listen(Side::new(router)).await;
        let client = connect(&server).await;
        let calls: Vec<_> = (0..3).map(|_| tokio::spawn(client.peer().call::<()>("hang", ()))).collect();
        for _ in 0..3 {
            hanging.began.recv().await.expect("they run");
        }
        let drained = server.handle.shutdown(Duration::from_millis(20)).await;
        assert_eq!((drained.finished, drained.cut), counts(0, 3));
        for call in calls {
            match call.await.expect("it ran") {
                Err(CallError::Disconnected { reason, sent }) => {
                    assert_eq!((reason.code, sent), (1001, true))
                }
                other => panic!("{other:?}"),
            }
            hanging.dropped.recv().await.expect("its handler is dropped");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_serves_nothing_shuts_down_at_once() {
    bounded(async {
        let server = listen(Side::default()).await;
        let clients = [connect(&server).await, connect(&server).await];
        assert_eq!(server.handle.shutdown(Duration::MAX).await, Drained::default());
        for client in clients {
            assert_eq!(client.closed().await.code, 1001);
        }
        assert_eq!(server.handle.shutdown(LONG).await, Drained::default(), "again changes nothing");
    })
    .await;
}

// Otherwise the server would refuse everything for ever, and never end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_that_is_dropped_stops_the_server() {
    bounded(async {
        let (router, mut hanging) = hanging();
        let server = listen(Side::new(router)).await;
        let client = connect(&server).await;
        let call = tokio::spawn(client.peer().call::<()>("hang", ()));
        hanging.began.recv().await.expect("it runs");
        assert!(server.handle.shutdown(LONG).now_or_never().is_none(), "a call is open");
        assert_eq!(client.closed().await.code, 1001);
        assert!(call.await.expect("it ran").is_err());
        served(&server).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_awaits_the_shutdown_is_cut_with_its_deadline() {
    bounded(async {
        let (handle, handle_of) = tokio::sync::watch::channel(None::<birpc::ServerHandle>);
        let router = Router::new().method("stop", move |_: Context, _: NoParams| {
            let handle = handle_of.borrow().clone().expect("it was given");
            async move {
                let drained = handle.shutdown(Duration::from_millis(20)).await;
                Ok::<_, ErrorObject>(drained.finished)
            }
        });
        let server = listen(Side::new(router)).await;
        handle.send_replace(Some(server.handle.clone()));
        let client = connect(&server).await;
        assert!(client.peer().call::<usize>("stop", ()).await.is_err(), "it waits for itself");
        assert_eq!(client.closed().await.code, 1001);
        served(&server).await;
    })
    .await;
}

/// Calls arrive all the time from all sides. Calls whose handlers have begun are answered. Calls that were
/// refused, or that crossed with the close, never had a handler.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_nothing_that_was_accepted_is_lost() {
    bounded(async {
        let accepted = Arc::new(AtomicUsize::new(0));
        let accept = accepted.clone();
        let router = Router::new().method("work", move |_: Context, (number,): (u32,)| {
            accept.fetch_add(1, Ordering::SeqCst);
            async move {
                tokio::task::yield_now().await; // so that it has a task
                Ok::<_, ErrorObject>(number)
            }
        });
        let server = listen(Side::new(router)).await;
        let (answer, mut answers) = mpsc::unbounded_channel();
        let mut load = Vec::new();
        for _ in 0..16 {
            let (client, answer) = (connect(&server).await, answer.clone());
            load.push(tokio::spawn(async move {
                for number in 0_u32.. {
                    match client.peer().call::<u32>("work", (number,)).await {
                        Ok(same) => assert_eq!(number, same),
                        outcome @ Err(CallError::Rpc(_)) => return assert_eq!(code(&outcome), -32001),
                        Err(CallError::Disconnected { reason, .. }) => return assert_eq!(reason.code, 1001),
                        other => panic!("{other:?}"),
                    }
                    answer.send(()).expect("the test listens");
                }
            }));
        }
        drop(answer);
        for _ in 0..100 {
            answers.recv().await.expect("there is load");
        }
        let drained = server.handle.shutdown(LONG).await;
        for task in load {
            task.await.expect("each call was answered, refused, or came with the close");
        }
        let mut answered = 100;
        while answers.recv().await.is_some() {
            answered += 1;
        }
        assert_eq!((answered, drained.cut), (accepted.load(Ordering::SeqCst), 0));
    })
    .await;
}

over_both! {
    a_single_peer_is_drained
    a_drain_ends_with_its_connection
    what_the_server_calls_meanwhile_is_answered
}

async fn a_single_peer_is_drained(join_by: Join) {
    let (router, mut gate) = gated();
    let pair = join_by.peers_of(Some("jsonrpc"), Side::default(), Side::new(router)).await;
    let first = tokio::spawn(pair.client.call::<u32>("work", (1,)));
    gate.began.recv().await.expect("it runs");
    let server = pair.server.clone();
    let drain = tokio::spawn(async move { server.drain().await });
    refused(&pair.client).await;
    pair.client.notify("work", (3,)).await.expect("it is sent");
    assert!(!drain.is_finished());
    gate.gate.add_permits(1);
    let drained = drain.await.expect("it ran");
    assert_eq!((drained.finished, drained.cut), counts(1, 0));
    assert_eq!(first.await.expect("it ran"), Ok(1));
    assert!(gate.began.try_recv().is_err(), "nothing else began");
    assert_eq!(pair.client.close_reason(), None, "whether to close is for who drains");
}

async fn a_drain_ends_with_its_connection(join_by: Join) {
    let (router, mut hanging) = hanging();
    let pair = join_by.peers(Side::default(), Side::new(router)).await;
    let call = tokio::spawn(pair.client.call::<()>("hang", ()));
    hanging.began.recv().await.expect("it runs");
    let drain = pair.server.drain();
    tokio::pin!(drain);
    assert!(drain.as_mut().now_or_never().is_none());
    pair.client.close(1000, "bye").expect("it may be sent");
    let drained = drain.await;
    assert_eq!((drained.finished, drained.cut), counts(0, 1));
    assert!(call.await.expect("it ran").is_err());
}

async fn what_the_server_calls_meanwhile_is_answered(join_by: Join) {
    let back = Router::new().method("name", |_: Context, _: NoParams| async { Ok::<_, ErrorObject>("Ada") });
    let (begin, mut began) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let router = Router::new().method("greet", move |cx: Context, _: NoParams| {
        let (held, begin) = (held.clone(), begin.clone());
        async move {
            begin.send(()).expect("the test listens");
            held.acquire().await.expect("it stays open").forget();
            let name: String = cx.peer().call("name", ()).await?;
            Ok::<_, ErrorObject>(format!("hello, {name}"))
        }
    });
    let pair = join_by.peers(Side::new(back), Side::new(router)).await;
    let greeting = tokio::spawn(pair.client.call::<String>("greet", ()));
    began.recv().await.expect("it runs");
    let server = pair.server.clone();
    let drain = tokio::spawn(async move { server.drain().await });
    refused(&pair.client).await;
    gate.add_permits(1);
    assert_eq!(greeting.await.expect("it ran"), Ok("hello, Ada".into()));
    assert_eq!(drain.await.expect("it ran").finished, 1);
}
