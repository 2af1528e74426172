//! Peers in processes of their own: what ends when one is killed or stopped, and what goes on when it continues
//! (pitfalls 5, 12 and 24).

#![cfg(unix)] // signals
mod support;

use std::time::{Duration, Instant};

use birpc::{CallError, Client, CloseReason, ErrorObject, Initiator, Keepalive, Peer, Router};
use futures_util::future::{join, try_join_all};
use serde_json::{Value, json};
use support::process::{Running, example};
use support::{Listening, Side, bounded, listen};
use tokio::task::JoinHandle;

async fn start_testbed() -> (Running, String) {
    let mut command = example("testbed");
    command.args(["--listen", "127.0.0.1:0", "--max-in-flight", "2000"]);
    let mut testbed = Running::start(command);
    let url = testbed.url().await;
    (testbed, url)
}

/// The `chat` example, which has a question for its user at each call, at a server of the test's.
async fn start_chat(server: Side) -> (Running, Peer, Listening) {
    let mut listening = listen(server).await;
    let mut command = example("chat");
    command.args(["Ada", &listening.url()]);
    let mut chat = Running::start(command);
    assert_eq!(chat.line().await, "here already: []");
    let peer = listening.connected.recv().await.expect("the server runs");
    (chat, peer, listening)
}

fn room() -> Side {
    let join = |_, _: (String,)| async { Ok::<_, ErrorObject>(Vec::<String>::new()) };
    Side::new(Router::new().method("chat.join", join))
}

type Calls = Vec<JoinHandle<Result<Value, CallError>>>;

fn hang(peer: &Peer, count: usize, method: &'static str, param: impl Into<Value>) -> Calls {
    let param = param.into();
    let call = |_| tokio::spawn(peer.call::<Value>(method, [&param]));
    (0..count).map(call).collect()
}

/// Calls that the testbed has begun to serve.
async fn hang_in_testbed(client: &Client, count: usize) -> Calls {
    let calls = hang(client.peer(), count, "sleep", 3_600_000);
    while client.peer().call::<Value>("whoami", ()).await.expect("it runs")["in_flight"] != count + 1 {
        tokio::task::yield_now().await;
    }
    calls
}

async fn hang_in_chat(chat: &mut Running, peer: &Peer, count: usize) -> Calls {
    let calls = hang(peer, count, "user.confirm", "really?");
    for _ in 0..count {
        assert_eq!(chat.line().await, "really? [y/n]");
    }
    calls
}

/// Each call had been sent; the reason that all of them give.
async fn expect_lost(calls: Calls, closed: CloseReason) {
    assert_eq!((closed.code, closed.initiator, closed.clean), (1006, Initiator::Network, false));
    for call in calls {
        let expected = CallError::Disconnected { reason: closed.clone(), sent: true };
        assert_eq!(call.await.expect("no panic"), Err(expected));
    }
}

// Pitfall 5.
#[tokio::test]
async fn killing_the_server_ends_every_call_to_it() {
    bounded(async {
        let (mut testbed, url) = start_testbed().await;
        let client = Client::connect(&url).await.expect("it listens");
        let calls = hang_in_testbed(&client, 1000).await;
        testbed.child.kill().await.expect("it runs");
        expect_lost(calls, client.closed().await).await;
        assert_eq!(client.peer().in_flight(), 0);
    })
    .await;
}

// Pitfall 5.
#[tokio::test]
async fn killing_the_client_ends_every_call_to_it() {
    bounded(async {
        let (mut chat, peer, listening) = start_chat(room()).await;
        let calls = hang_in_chat(&mut chat, &peer, 1000).await;
        chat.child.kill().await.expect("it runs");
        expect_lost(calls, peer.closed().await).await;
        assert_eq!(peer.in_flight(), 0);
        assert!(listening.handle.peers().is_empty());
    })
    .await;
}

const BEAT: Duration = Duration::from_millis(150);

/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

/// A stopped process is silent, and its sockets stay open: only keepalive finds it.
async fn found_by_keepalive(stopped: Instant, calls: Calls, peer: &Peer) {
    let reason = peer.closed().await;
    let took = stopped.elapsed();
    assert_eq!(reason.reason, "the peer has been silent for too long");
    assert!(took < 2 * BEAT + SLACK, "{took:?}");
    expect_lost(calls, reason).await;
}

// Pitfall 24.
#[tokio::test]
async fn a_stopped_server_is_found_by_keepalive() {
    bounded(async {
        let (testbed, url) = start_testbed().await;
        let keepalive = Keepalive::every(BEAT, BEAT);
        let client = Client::builder().keepalive(keepalive).connect(&url).await.expect("it listens");
        let calls = hang_in_testbed(&client, 100).await;
        testbed.signal("STOP").await;
        found_by_keepalive(Instant::now(), calls, client.peer()).await;
    })
    .await;
}

// Pitfall 24.
#[tokio::test]
async fn a_stopped_client_is_found_by_keepalive() {
    bounded(async {
        let side = room().config(|config| config.keepalive = Keepalive::every(BEAT, BEAT));
        let (mut chat, peer, listening) = start_chat(side).await;
        let calls = hang_in_chat(&mut chat, &peer, 100).await;
        chat.signal("STOP").await;
        found_by_keepalive(Instant::now(), calls, &peer).await;
        assert!(listening.handle.peers().is_empty());
    })
    .await;
}

// Pitfall 12: what a stopped client is sent goes nowhere.
#[tokio::test]
async fn a_stopped_client_that_is_sent_more_is_closed_for_its_stall() {
    bounded(async {
        let (chat, peer, listening) = start_chat(room().limits(|limits| {
            limits.write_stall = BEAT;
            limits.close_timeout = BEAT;
        }))
        .await;
        chat.signal("STOP").await;
        let line = "x".repeat(100_000);
        let error = loop {
            if let Err(error) = peer.notify("user.said", ("Bob", &line)).await {
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
        let (testbed, url) = start_testbed().await;
        let client = Client::connect(&url).await.expect("it listens");
        testbed.signal("STOP").await;
        let text = "x".repeat(100_000);
        // More than the system's buffers hold: the client's queue fills, and calls wait for room.
        let calls = (0..100).map(|number| client.peer().call::<Value>("echo", json!([[number, &text]])));
        let goes_on = async {
            while client.peer().in_flight() < 100 || client.peer().buffered_amount() < 1 << 20 {
                tokio::task::yield_now().await;
            }
            testbed.signal("CONT").await;
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
        let (mut chat, peer, _listening) = start_chat(room()).await;
        chat.signal("STOP").await;
        for number in 0..100 {
            peer.notify("user.said", ["Bob", &number.to_string()]).await.expect("it is open");
        }
        chat.signal("CONT").await;
        for number in 0..100 {
            assert_eq!(chat.line().await, format!("Bob: {number}"));
        }
    })
    .await;
}

/// No thread can be stopped, so the runtime is not waited for longer than a while.
#[tokio::test]
async fn a_method_that_never_returns_does_not_keep_the_process() {
    bounded(async {
        let mut command = example("testbed");
        command.args(["--listen", "127.0.0.1:0", "--drain", "200"]);
        let mut testbed = Running::start(command);
        let client = Client::connect(&testbed.url().await).await.expect("it listens");
        let calls = hang(client.peer(), 3, "block", Value::Null);
        while client.peer().call::<Value>("whoami", ()).await.expect("it runs")["in_flight"] != 4 {
            tokio::task::yield_now().await;
        }
        let began = Instant::now();
        testbed.signal("TERM").await;
        assert_eq!(client.closed().await.code, 1001);
        for call in calls {
            let outcome = call.await.expect("no panic");
            assert!(matches!(outcome, Err(CallError::Disconnected { sent: true, .. })), "{outcome:?}");
        }
        let (rest, ok) = testbed.rest().await;
        assert!(ok && rest == ["0 calls finished, 3 cut"], "{rest:?}");
        // 200 ms to drain, a second for the runtime.
        assert!(began.elapsed() < Duration::from_millis(1200) + SLACK, "{:?}", began.elapsed());
    })
    .await;
}
