//! Calls to all members of a group, on all servers.

use std::collections::BTreeMap;
use std::time::Duration;

use birpc_core::{Answers, CallError, GlobalId, Groups, Peer};

use crate::support::{Servers, pass};

const SECOND: Duration = Duration::from_secs(1);

fn ask(groups: &Groups, method: &'static str) -> Answers<Result<String, birpc_core::ErrorObject>> {
    let tea = groups.to("tea").timeout(5 * SECOND);
    match method {
        "echo" => tea.ask(|peer: &Peer| peer.call::<String>("echo", ["hello"])),
        method => tea.ask(move |peer: &Peer| peer.call::<String>(method, ())),
    }
}

/// The answers by peer, each of which is told once.
async fn told(
    mut answers: Answers<Result<String, birpc_core::ErrorObject>>,
) -> BTreeMap<GlobalId, Result<String, CallError>> {
    let mut told = BTreeMap::new();
    while let Some((id, answer)) = answers.next().await {
        assert!(told.insert(id, answer).is_none(), "{id} is told twice");
    }
    told
}

#[tokio::test(start_paused = true)]
async fn each_member_of_all_servers_answers_once() {
    let mut servers = Servers::new(4).await;
    let mut ids = Vec::new();
    let mut guests = Vec::new();
    for index in [0, 0, 1, 2, 2, 2] {
        let guest = servers.all[index].member("tea").await;
        ids.push(guest.peer.global_id());
        guests.push(guest);
    }
    ids.sort();
    for server in &servers.all {
        let told = told(ask(&server.groups, "echo")).await;
        assert_eq!(told.keys().copied().collect::<Vec<_>>(), ids);
        assert!(told.values().all(|answer| *answer == Ok("hello".into())), "{told:?}");
    }
    let except = servers.all[3].groups.to("tea").except(ids[0]);
    let told = told(except.ask(|peer: &Peer| peer.call::<String>("echo", ["hello"]))).await;
    assert_eq!(told.len(), 5);
    assert!(!told.contains_key(&ids[0]));
}

#[tokio::test(start_paused = true)]
async fn members_that_do_not_answer_are_named() {
    let mut servers = Servers::new(3).await;
    let (ada, ben) = (servers.all[0].member("tea").await, servers.all[1].member("tea").await);
    let asked = tokio::spawn(told(ask(&servers.all[2].groups, "hang")));
    pass(100).await;
    ben.peer.close(1000, "").expect("a valid close");
    let told = asked.await.expect("no panic");
    assert_eq!(told.len(), 2);
    assert!(matches!(told[&ada.peer.global_id()], Err(CallError::TimedOut)), "{told:?}");
    assert!(
        matches!(told[&ben.peer.global_id()], Err(CallError::Disconnected { sent: true, .. })),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_name_its_members_is_told_as_one() {
    let mut servers = Servers::new(3).await;
    let (_ada, ben) = (servers.all[0].member("tea").await, servers.all[1].member("tea").await);
    servers.engine.stall(&servers.all[0].backplane, true);
    let told = told(ask(&servers.all[2].groups, "echo")).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[&ben.peer.global_id()], Ok("hello".into()));
    let (server, answer) = told.iter().find(|(id, _)| id.is_server()).expect("the silent server");
    assert!(server.to_string().starts_with(&servers.all[0].node().id().to_string()));
    assert!(matches!(answer, Err(CallError::Disconnected { sent: true, .. })), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn the_share_of_a_server_ends_with_it_and_without_the_engine_own_members_answer() {
    let mut servers = Servers::new(2).await;
    let (ada, ben) = (servers.all[0].member("tea").await, servers.all[1].member("tea").await);
    let asked = tokio::spawn(told(ask(&servers.all[1].groups, "hang")));
    pass(100).await;
    servers.all[0].node.take();
    servers.cut(1);
    let told_all = asked.await.expect("no panic");
    assert!(matches!(told_all[&ada.peer.global_id()], Err(CallError::Disconnected { sent: true, .. })));
    assert!(matches!(told_all[&ben.peer.global_id()], Err(CallError::TimedOut)));
    let alone = told(ask(&servers.all[1].groups, "echo")).await;
    assert_eq!(alone.into_iter().collect::<Vec<_>>(), [(ben.peer.global_id(), Ok("hello".into()))]);
}
