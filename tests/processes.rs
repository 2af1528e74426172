//! Peers in processes of their own: what ends when one is killed (pitfall 5).

mod support;

use birpc::{CallError, Client, ErrorObject, Initiator, Peer, Router};
use serde_json::Value;
use support::process::{Running, example};
use support::{Side, bounded, listen};
use tokio::task::JoinHandle;

async fn start_testbed() -> (Running, String) {
    let mut command = example("testbed");
    command.args(["--listen", "127.0.0.1:0"]);
    let mut testbed = Running::start(command);
    let url = testbed.url().await;
    (testbed, url)
}

type Calls = Vec<JoinHandle<Result<Value, CallError>>>;

fn hang(peer: &Peer, method: &'static str, param: impl Into<Value>) -> Calls {
    let param = param.into();
    let call = |_| tokio::spawn(peer.call::<Value>(method, [&param]));
    (0..10).map(call).collect()
}

async fn expect_lost(calls: Calls) {
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
        let calls = hang(client.peer(), "sleep", 3_600_000);
        while client.peer().call::<Value>("whoami", ()).await.expect("it runs")["in_flight"] != 11 {
            tokio::task::yield_now().await;
        }
        testbed.child.kill().await.expect("it runs");
        expect_lost(calls).await;
        assert_eq!(client.closed().await.code, 1006);
    })
    .await;
}

// Pitfall 5: the `chat` example asks a question for each call, and nobody answers.
#[tokio::test]
async fn killing_the_client_ends_every_call_to_it() {
    bounded(async {
        let join = |_, _: (String,)| async { Ok::<_, ErrorObject>(Vec::<String>::new()) };
        let mut listening = listen(Side::new(Router::new().request("chat.join", join))).await;
        let mut command = example("chat");
        command.args(["Ada", &listening.url()]);
        let mut chat = Running::start(command);
        assert_eq!(chat.line().await, "here already: []");
        let peer = listening.connected.recv().await.expect("the server runs");
        let calls = hang(&peer, "user.confirm", "really?");
        for _ in 0..calls.len() {
            assert_eq!(chat.line().await, "really? [y/n]");
        }
        chat.child.kill().await.expect("it runs");
        expect_lost(calls).await;
        assert_eq!(peer.closed().await.code, 1006);
    })
    .await;
}
