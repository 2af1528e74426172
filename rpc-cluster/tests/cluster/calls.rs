//! Calls to peers of other servers.

use std::time::Duration;

use birpc_core::{CallError, GlobalId, Peer};

use crate::support::{Servers, pass};

const SECOND: Duration = Duration::from_secs(1);

/// The outcome, without the reason.
fn brief<T: std::fmt::Debug>(outcome: Result<T, CallError>) -> String {
    match outcome {
        Err(CallError::Disconnected { sent, .. }) => format!("disconnected, sent: {sent}"),
        Err(CallError::TimedOut) => "timed out".into(),
        Err(CallError::Method(error)) => format!("method: {} {:?}", error.code(), error.data::<String>()),
        Err(CallError::Rpc(error)) => format!("rpc: {}", error.code()),
        Err(CallError::Unsendable(_)) => "unsendable".into(),
        other => format!("{other:?}"),
    }
}

async fn echo(caller: &Peer, line: &str) -> String {
    brief(caller.call::<String>("echo", [line]).await)
}

#[tokio::test(start_paused = true)]
async fn a_peer_is_called_wherever_it_is_connected() {
    let mut servers = Servers::new(2).await;
    let mut ada = servers.all[0].guest().await;
    let member = servers.all[1].groups.member(ada.peer.global_id()).client::<Peer>();
    assert_eq!(member.call::<String>("echo", ["hello"]).await, Ok("hello".into()));
    assert_eq!(brief(member.call::<()>("refuse", [7]).await), "method: 7 Some(\"why\")");
    assert_eq!(brief(member.call::<()>("unknown", ()).await), "rpc: -32601");
    let call = member.call::<()>("hang", ()).with_timeout(SECOND);
    assert_eq!(brief(call.await), "timed out");
    assert_eq!(ada.hear().await, "the handler is dropped");
    member.notify("said", ["to ada"]).await.expect("the engine is there");
    assert_eq!(ada.hear().await, "to ada");
    let large = "x".repeat(1 << 20);
    assert_eq!(echo(&member, &large).await, "unsendable");
}

#[tokio::test(start_paused = true)]
async fn a_call_to_nobody_is_known_not_to_be_sent() {
    let mut servers = Servers::new(2).await;
    let ada = servers.all[0].guest().await;
    let id = ada.peer.global_id();
    let groups = servers.all[1].groups.clone();
    ada.client.close(1000, "").expect("a valid close").await;
    pass(10).await;
    let gone = groups.member(id).client::<Peer>();
    assert_eq!(echo(&gone, "hello").await, "disconnected, sent: false");
    let nowhere: GlobalId = "000000000000000000000000000000ab-7".parse().expect("an id");
    let nowhere = groups.member(nowhere).client::<Peer>();
    assert_eq!(echo(&nowhere, "hello").await, "disconnected, sent: false");
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_with_the_connection_of_its_peer() {
    let mut servers = Servers::new(2).await;
    let ada = servers.all[0].guest().await;
    let member = servers.all[1].groups.member(ada.peer.global_id()).client::<Peer>();
    let call = tokio::spawn(member.call::<()>("hang", ()));
    pass(10).await;
    ada.peer.close(1000, "").expect("a valid close");
    assert_eq!(brief(call.await.expect("no panic")), "disconnected, sent: true");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_call_cancels_it_at_its_peer() {
    let mut servers = Servers::new(2).await;
    let mut ada = servers.all[0].guest().await;
    let member = servers.all[1].groups.member(ada.peer.global_id()).client::<Peer>();
    let call = member.call::<()>("hang", ());
    assert!(tokio::time::timeout(SECOND / 10, call).await.is_err());
    pass(10).await;
    assert_eq!(ada.hear().await, "the handler is dropped");
}

#[tokio::test(start_paused = true)]
async fn calls_to_a_server_that_does_not_answer_are_given_up_after_a_second() {
    let mut servers = Servers::new(2).await;
    let ada = servers.all[0].guest().await;
    let member = servers.all[1].groups.member(ada.peer.global_id()).client::<Peer>();
    servers.engine.stall(&servers.all[0].backplane, true);
    let began = tokio::time::Instant::now();
    assert_eq!(echo(&member, "hello").await, "disconnected, sent: true");
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
    servers.engine.stall(&servers.all[0].backplane, false);
    assert_eq!(echo(&member, "again").await, "Ok(\"again\")");
}

#[tokio::test(start_paused = true)]
async fn calls_end_with_the_server_of_their_peer() {
    let mut servers = Servers::new(3).await;
    let (ada, ben) = (servers.all[0].guest().await, servers.all[1].guest().await);
    let groups = servers.all[2].groups.clone();
    let hang = |id| {
        tokio::spawn(groups.member(id).client::<Peer>().call::<()>("hang", ()).with_timeout(60 * SECOND))
    };
    let (to_ada, to_ben) = (hang(ada.peer.global_id()), hang(ben.peer.global_id()));
    pass(10).await;
    // One dies; the other says that it ends.
    let began = tokio::time::Instant::now();
    servers.engine.stall(&servers.all[0].backplane, true);
    let node = servers.all[1].node.take().expect("it is there");
    node.shutdown(SECOND).await;
    assert_eq!(brief(to_ben.await.expect("no panic")), "disconnected, sent: true");
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
    assert_eq!(brief(to_ada.await.expect("no panic")), "disconnected, sent: true");
    assert!(began.elapsed() < 11 * SECOND, "{:?}", began.elapsed());
    assert_eq!(servers.all[2].node().nodes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn more_than_10_000_calls_are_refused_and_not_sent() {
    let mut servers = Servers::new(2).await;
    let ada = servers.all[0].guest().await;
    let member = servers.all[1].groups.member(ada.peer.global_id()).client::<Peer>();
    servers.engine.stall(&servers.all[0].backplane, true);
    let calls: Vec<_> = (0..10_001).map(|_| tokio::spawn(member.call::<String>("echo", ["hello"]))).collect();
    let (mut refused, mut lost) = (0, 0);
    for call in calls {
        let outcome = call.await.expect("no panic");
        let may_have_run = outcome.as_ref().is_err_and(CallError::may_have_run);
        match brief(outcome).as_str() {
            "rpc: -32005" => {
                assert!(!may_have_run);
                refused += 1;
            }
            "disconnected, sent: true" => lost += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((refused, lost), (1, 10_000));
}
