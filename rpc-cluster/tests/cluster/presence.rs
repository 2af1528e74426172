//! Presence over all servers.

use std::collections::BTreeMap;

use birpc_cluster::Faults;
use birpc_core::{Groups, PresenceEvent};

use crate::support::{Servers, pass};

/// Who is present now.
async fn present(groups: &Groups) -> BTreeMap<String, usize> {
    match groups.presence("tea").next().await {
        Some(PresenceEvent::State(state)) => {
            state.into_iter().map(|(key, metas)| (key, metas.len())).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_server_knows_who_is_present_on_the_others() {
    let mut servers = Servers::new(3).await;
    let (ada, ben) = (servers.all[0].member("tea").await, servers.all[1].member("tea").await);
    let mut watched = servers.all[2].groups.presence("tea");
    assert_eq!(watched.next().await, Some(PresenceEvent::State(BTreeMap::new())));
    servers.all[0].groups.track(&ada.peer, "tea", "ada", 1).await.expect("a member");
    let Some(PresenceEvent::Joined { key, metas }) = watched.next().await else { panic!("ada has joined") };
    assert_eq!((key.as_str(), metas[0].get::<u32>()), ("ada", Some(1)));
    servers.all[1].groups.track(&ben.peer, "tea", "ada", 2).await.expect("a member");
    let Some(PresenceEvent::Updated { metas, .. }) = watched.next().await else { panic!("another meta") };
    assert_eq!(metas.len(), 2);
    // Whoever comes later knows it too.
    let late = crate::support::TestServer::start(&servers.engine, "late", |node| node).await;
    pass(10).await;
    assert_eq!(present(&late.groups).await, BTreeMap::from([("ada".into(), 2)]));
    servers.all[0].groups.leave(&ada.peer, "tea").await;
    let Some(PresenceEvent::Updated { metas, .. }) = watched.next().await else { panic!("one meta less") };
    assert_eq!(metas.len(), 1);
    servers.all[1].node().leave();
    let Some(PresenceEvent::Left { key, .. }) = watched.next().await else { panic!("nobody is there") };
    assert_eq!(key, "ada");
    assert_eq!(present(&servers.all[1].groups).await.len(), 1, "its own peers are present to itself");
}

#[tokio::test(start_paused = true)]
async fn presence_converges_over_an_engine_that_loses_and_reorders() {
    for seed in 0..5 {
        println!("seed {seed}");
        let mut servers = Servers::with(3, seed, |node| node).await;
        let mut guests = Vec::new();
        for index in 0..3 {
            guests.push(servers.all[index].member("tea").await);
        }
        servers.engine.set_faults(Faults::default().lost(20).doubled(10).delayed(10));
        for number in 0..300_usize {
            let (server, guest) = (&servers.all[number % 3].groups, &guests[number % 3]);
            let key = format!("key {}", number / 3 % 20);
            match number % 7 {
                0 | 1 => drop(server.untrack(&guest.peer, "tea", &key).await),
                _ => server.track(&guest.peer, "tea", &key, number).await.expect("a member"),
            }
            if number % 50 == 0 {
                pass(1000).await;
            }
        }
        servers.engine.set_faults(Faults::default());
        // A heartbeat tells of what is missing.
        pass(5000).await;
        let expected = present(&servers.all[0].groups).await;
        assert!(!expected.is_empty());
        for server in &servers.all {
            assert_eq!(present(&server.groups).await, expected, "seed {seed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_presence_of_a_server_that_dies_ends_and_comes_again_with_it() {
    let mut servers = Servers::new(2).await;
    let ada = servers.all[0].member("tea").await;
    servers.all[0].groups.track(&ada.peer, "tea", "ada", 1).await.expect("a member");
    pass(10).await;
    assert_eq!(present(&servers.all[1].groups).await.len(), 1);
    servers.engine.stall(&servers.all[0].backplane, true);
    pass(13_000).await;
    assert_eq!(present(&servers.all[1].groups).await.len(), 0);
    servers.engine.stall(&servers.all[0].backplane, false);
    pass(5000).await;
    assert_eq!(present(&servers.all[1].groups).await.len(), 1);
    assert_eq!(servers.known(), [2, 2]);
}
