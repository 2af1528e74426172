//! Peers in separate processes: what ends when one is killed or stopped, and what continues when it
//! continues.

#![cfg(unix)] // signals

use std::future::pending;
use std::time::{Duration, Instant};

use birpc::{
    CallError, Client, CloseReason, Context, ErrorObject, Initiator, Keepalive, Peer, Router, Server,
};
use futures_util::future::{join, try_join_all};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::process::{Running, argument_of_half, half, tell};
use crate::support::{Listening, NoParams, Side, bounded, listen};

/// Run as a process by the tests below.
#[tokio::test]
#[ignore = "the other half of tests"]
async fn server() {
    let Some(listen) = argument_of_half() else { return };
    let router = Router::new()
        .method("hang", |_, _: NoParams| pending::<Result<(), ErrorObject>>())
        .method(
            "serving",
            |cx: Context, _: NoParams| async move { Ok::<_, ErrorObject>(cx.peer().serving()) },
        )
        .method("echo", |_, value: Value| async move { Ok::<_, ErrorObject>(value) });
    let server = Server::builder().bind(&listen).await.expect("a free port");
    tell(&format!("ws://{}/", server.local_addr().expect("it is bound")));
    server.serve(router).await.expect("nothing stops it");
}

/// The same, but it hangs at each call, and reports each notification.
#[tokio::test]
#[ignore = "the other half of tests"]
async fn client() {
    let Some(url) = argument_of_half() else { return };
    let router = Router::new()
        .method("hang", |_, _: NoParams| {
            tell("hangs");
            pending::<Result<(), ErrorObject>>()
        })
        .notification("say", |_, (line,): (String,)| async move { tell(&line) });
    // Plain JSON-RPC: with `birpc.v1` who notifies it would wait for credit.
    let client = Client::builder()
        .subprotocols(["jsonrpc"])
        .serve(router)
        .connect(&url)
        .await
        .expect("the server is there");
    client.closed().await;
}

async fn start_server() -> (Running, String) {
    let mut server = Running::start(half("processes::server", "127.0.0.1:0"));
    let url = server.told().await;
    (server, url)
}

/// A client process that is connected to a server of the test's.
async fn start_client(server: Side) -> (Running, Peer, Listening) {
    let mut listening = listen(server).await;
    let client = Running::start(half("processes::client", &listening.url()));
    let peer = listening.connected.recv().await.expect("the server runs");
    (client, peer, listening)
}

type Calls = Vec<JoinHandle<Result<Value, CallError>>>;

fn hang(peer: &Peer, count: usize) -> Calls {
    (0..count).map(|_| tokio::spawn(peer.call::<Value>("hang", ()))).collect()
}

/// Calls that the server has begun to serve.
async fn hang_in_server(client: &Client, count: usize) -> Calls {
    let calls = hang(client.peer(), count);
    while client.peer().call::<usize>("serving", ()).await.expect("it runs") != count + 1 {
        tokio::task::yield_now().await;
    }
    calls
}

async fn hang_in_client(client: &mut Running, peer: &Peer, count: usize) -> Calls {
    let calls = hang(peer, count);
    for _ in 0..count {
        assert_eq!(client.told().await, "hangs");
    }
    calls
}

/// Each call had been sent, and all have this reason.
async fn expect_lost(calls: Calls, closed: CloseReason) {
    assert_eq!((closed.code, closed.initiator, closed.clean), (1006, Initiator::Network, false));
    for call in calls {
        let expected = CallError::Disconnected { reason: closed.clone(), sent: true };
        assert_eq!(call.await.expect("no panic"), Err(expected));
    }
}

#[tokio::test]
async fn killing_the_server_ends_every_call_to_it() {
    bounded(async {
        let (mut process, url) = start_server().await;
        let client = Client::connect(&url).await.expect("it listens");
        let calls = hang_in_server(&client, 1000).await;
        process.child.kill().await.expect("it runs");
        expect_lost(calls, client.closed().await).await;
        assert_eq!(client.peer().in_flight(), 0);
    })
    .await;
}

#[tokio::test]
async fn killing_the_client_ends_every_call_to_it() {
    bounded(async {
        let (mut process, peer, listening) = start_client(Side::default()).await;
        let calls = hang_in_client(&mut process, &peer, 1000).await;
        process.child.kill().await.expect("it runs");
        expect_lost(calls, peer.closed().await).await;
        assert_eq!(peer.in_flight(), 0);
        assert!(listening.handle.peers().is_empty());
    })
    .await;
}

const BEAT: Duration = Duration::from_millis(150);

/// The time that a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

/// A stopped process is silent, but its sockets stay open: only keepalive detects it.
async fn found_by_keepalive(stopped: Instant, calls: Calls, peer: &Peer) {
    let reason = peer.closed().await;
    let took = stopped.elapsed();
    assert_eq!(reason.reason, "the peer has been silent for too long");
    assert!(took < 2 * BEAT + SLACK, "{took:?}");
    expect_lost(calls, reason).await;
}

#[tokio::test]
async fn a_stopped_server_is_found_by_keepalive() {
    bounded(async {
        let (process, url) = start_server().await;
        let keepalive = Keepalive::every(BEAT, BEAT);
        let client = Client::builder().keepalive(keepalive).connect(&url).await.expect("it listens");
        let calls = hang_in_server(&client, 100).await;
        process.signal("STOP").await;
        found_by_keepalive(Instant::now(), calls, client.peer()).await;
    })
    .await;
}

#[tokio::test]
async fn a_stopped_client_is_found_by_keepalive() {
    bounded(async {
        let side = Side::default().config(|config| config.keepalive = Keepalive::every(BEAT, BEAT));
        let (mut process, peer, listening) = start_client(side).await;
        let calls = hang_in_client(&mut process, &peer, 100).await;
        process.signal("STOP").await;
        found_by_keepalive(Instant::now(), calls, &peer).await;
        assert!(listening.handle.peers().is_empty());
    })
    .await;
}

// Messages to a stopped client are not read.
#[tokio::test]
async fn a_stopped_client_that_is_sent_more_is_closed_for_its_stall() {
    bounded(async {
        let (process, peer, listening) = start_client(Side::default().limits(|limits| {
            limits.write_stall = BEAT;
            limits.close_timeout = BEAT;
        }))
        .await;
        process.signal("STOP").await;
        let line = "x".repeat(100_000);
        let error = loop {
            if let Err(error) = peer.notify("say", [&line]).await {
                break error;
            }
        };
        let CallError::Disconnected { reason, sent: false } = error else { panic!("{error:?}") };
        assert_eq!((reason.code, reason.initiator), (1013, Initiator::Local));
        peer.closed().await;
        assert!(listening.handle.peers().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_was_stopped_goes_on_without_loss() {
    bounded(async {
        let (process, url) = start_server().await;
        let client = Client::connect(&url).await.expect("it listens");
        process.signal("STOP").await;
        let text = "x".repeat(100_000);
        // More than the system's buffers hold: the client's queue fills, and calls wait for room.
        let calls = (0..100).map(|number| client.peer().call::<Value>("echo", json!([number, &text])));
        let goes_on = async {
            while client.peer().in_flight() < 100 || client.peer().buffered_amount() < 1 << 20 {
                tokio::task::yield_now().await;
            }
            process.signal("CONT").await;
        };
        let (replies, ()) = join(try_join_all(calls), goes_on).await;
        for (number, reply) in replies.expect("replies").into_iter().enumerate() {
            assert!(reply == json!([number, &text]), "reply {number} is another");
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_was_stopped_goes_on_without_loss() {
    bounded(async {
        let (mut process, peer, _listening) = start_client(Side::default()).await;
        process.signal("STOP").await;
        for number in 0..100 {
            peer.notify("say", [number.to_string()]).await.expect("it is open");
        }
        process.signal("CONT").await;
        for number in 0..100 {
            assert_eq!(process.told().await, number.to_string());
        }
    })
    .await;
}
