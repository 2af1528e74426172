//! Peers in processes of their own: what ends when one is killed (pitfall 5).

mod support;

use std::process::Stdio;

use birpc::{CallError, Client, Initiator, Peer, Router};
use support::process::{Running, example};
use support::{NoParams, Side, bounded, listen};
use tokio::process::Command;
use tokio::sync::mpsc;

async fn start_testbed() -> (Running, String) {
    let mut command = example("testbed");
    command.args(["--listen", "127.0.0.1:0"]);
    let mut testbed = Running::start(command);
    let url = testbed.url().await;
    (testbed, url)
}

fn hang(peer: &Peer, method: &'static str) -> Vec<tokio::task::JoinHandle<Result<u64, CallError>>> {
    let call = |_| {
        let peer = peer.clone();
        tokio::spawn(async move { peer.call::<u64>(method, [3_600_000]).await })
    };
    (0..10).map(call).collect()
}

async fn expect_lost(calls: Vec<tokio::task::JoinHandle<Result<u64, CallError>>>) {
    for call in calls {
        let Err(CallError::Disconnected { reason, sent: true }) = call.await.expect("no panic") else {
            panic!("the call outlived its peer")
        };
        assert_eq!((reason.code, reason.initiator, reason.clean), (1006, Initiator::Network, false));
    }
}

// Pitfall 5.
#[tokio::test]
async fn killing_the_server_ends_every_call_to_it() {
    bounded(async {
        let (mut testbed, url) = start_testbed().await;
        let client = Client::connect(&url).await.expect("it listens");
        let calls = hang(client.peer(), "sleep");
        while client.peer().call::<serde_json::Value>("whoami", ()).await.expect("it runs")["in_flight"] != 11
        {
            tokio::task::yield_now().await;
        }
        testbed.child.kill().await.expect("it runs");
        expect_lost(calls).await;
        assert_eq!(client.closed().await.code, 1006);
    })
    .await;
}

// Pitfall 5: the client is this very test, run again.
#[tokio::test]
async fn killing_the_client_ends_every_call_to_it() {
    bounded(async {
        let (arrived, mut arrivals) = mpsc::unbounded_channel();
        let router = Router::new().notification("arrived", move |_, _: NoParams| {
            arrived.send(()).expect("the test listens");
            async {}
        });
        let mut listening = listen(Side::new(router)).await;
        let mut command = Command::new(std::env::current_exe().expect("this test runs"));
        command.args(["a_client_that_hangs", "--exact", "--ignored"]).env("BIRPC_TEST_URL", listening.url());
        command.stdout(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("it starts");
        let peer = listening.connected.recv().await.expect("the server runs");
        let calls = hang(&peer, "hang");
        for _ in 0..10 {
            arrivals.recv().await.expect("a call arrives");
        }
        child.kill().await.expect("it runs");
        expect_lost(calls).await;
        assert_eq!(peer.closed().await.code, 1006);
    })
    .await;
}

#[tokio::test]
#[ignore = "a process for another test"]
async fn a_client_that_hangs() {
    let Ok(url) = std::env::var("BIRPC_TEST_URL") else { return };
    let router = Router::new().request("hang", |cx: birpc::Context, (_ms,): (u64,)| async move {
        cx.peer().notify("arrived", ()).await?;
        std::future::pending::<Result<u64, birpc::ErrorObject>>().await
    });
    let client = Client::builder().serve(router).connect(&url).await.expect("the test listens");
    client.closed().await;
}
