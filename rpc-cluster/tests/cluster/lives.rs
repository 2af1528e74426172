//! Servers come, leave and die, and nothing of them stays.

use std::time::Duration;

use birpc_core::Peer;

use crate::support::{Servers, TestServer, pass, say};

#[tokio::test(start_paused = true)]
async fn servers_know_each_other_by_name_and_load() {
    let mut servers = Servers::new(3).await;
    assert_eq!(servers.known(), [3, 3, 3]);
    let _guests = (servers.all[0].guest().await, servers.all[0].guest().await);
    pass(3000).await;
    let mut nodes = servers.all[1].node().nodes();
    assert_eq!(nodes[0].node, servers.all[1].node().id(), "the first is this server");
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    let brief: Vec<_> = nodes.iter().map(|node| (node.name.as_str(), node.load)).collect();
    assert_eq!(brief, [("0", 2), ("1", 0), ("2", 0)]);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_is_not_listed_and_not_called_but_still_hears_and_speaks() {
    let mut servers = Servers::new(2).await;
    let mut ada = servers.all[0].member("tea").await;
    let member = servers.all[1].groups.member(ada.peer.global_id()).client::<Peer>();
    servers.all[0].node().leave();
    pass(10).await;
    assert_eq!(servers.known()[1], 1);
    let call = member.call::<String>("echo", ["hello"]).await;
    assert!(call.is_err_and(|error| !error.may_have_run()));
    say(&servers.all[1].groups, "tea", "still there").await;
    assert_eq!(ada.hear().await, "still there");
    // A server that comes now does not list it either.
    let late = TestServer::start(&servers.engine, "late", |node| node).await;
    pass(3000).await;
    assert_eq!(late.node().nodes().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_dies_and_the_others_go_on() {
    let mut servers = Servers::new(3).await;
    let mut ada = servers.all[0].member("tea").await;
    servers.all[1].node.take();
    pass(1).await;
    // The first join after the death waits for a barrier, the next ones leave the dead server out.
    let began = tokio::time::Instant::now();
    let _ben = servers.all[2].member("tea").await;
    assert!(began.elapsed() <= Duration::from_millis(1100), "{:?}", began.elapsed());
    let began = tokio::time::Instant::now();
    let _eve = servers.all[2].member("coffee").await;
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    pass(13_000).await;
    assert_eq!(servers.known(), [2, 0, 2]);
    say(&servers.all[2].groups, "tea", "still there").await;
    assert_eq!(ada.hear().await, "still there");
    let alone = servers.all[1].groups.clone();
    assert_eq!(say(&alone, "tea", "alone").await, (0, birpc_core::Remote::None), "it has no other servers");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_calls_tells_the_others_and_leaves_the_groups_to_their_server() {
    let mut servers = Servers::new(2).await;
    let ada = servers.all[0].member("tea").await;
    let member = servers.all[1].groups.member(ada.peer.global_id()).client::<Peer>();
    let call = tokio::spawn(member.call::<()>("hang", ()).with_timeout(Duration::from_secs(3)));
    pass(10).await;
    let began = tokio::time::Instant::now();
    servers.all[0].node.take().expect("it is there").shutdown(Duration::from_secs(60)).await;
    assert!((2..4).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert!(call.await.expect("no panic").is_err());
    pass(10).await;
    assert_eq!(servers.known()[1], 1);
    assert_eq!(say(&servers.all[0].groups, "tea", "alone").await, (1, birpc_core::Remote::None));
    let again = birpc_cluster::Node::builder(servers.engine.server()).start(&servers.all[0].groups).await;
    again.expect("the first has ended").leave();
}

#[tokio::test(start_paused = true)]
async fn joins_under_way_share_barriers() {
    let mut servers = Servers::new(3).await;
    let mut guests = Vec::new();
    for _ in 0..200 {
        guests.push(servers.all[0].guest().await);
    }
    let before = servers.engine.published();
    let groups = servers.all[0].groups.clone();
    let joins = guests.iter().enumerate().map(|(index, guest)| {
        let (groups, peer, group) = (groups.clone(), guest.peer.clone(), format!("room {index}"));
        tokio::spawn(async move { groups.join(&peer, &group).await })
    });
    for join in joins.collect::<Vec<_>>() {
        join.await.expect("no panic").expect("there is room");
    }
    let cost = servers.engine.published() - before;
    assert!(cost <= 20, "{cost} messages for 200 joins");
}

#[tokio::test(start_paused = true)]
async fn after_churn_nothing_is_left() {
    let mut servers = Servers::new(3).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    pass(1000).await;
    let (before, subscriptions) = (tasks(), servers.engine.subscriptions());
    for round in 0..60 {
        let mut guests = Vec::new();
        for index in 0..6 {
            let guest = servers.all[index % 3].guest().await;
            let groups = servers.all[index % 3].groups.clone();
            for number in 0..10 {
                let group = format!("room {} {number}", round + index);
                groups.join(&guest.peer, &group).await.expect("there is room");
                groups.track(&guest.peer, &group, "key", number).await.expect("a member");
            }
            guests.push(guest);
        }
        let groups = servers.all[0].groups.clone();
        for guest in &guests {
            let member = groups.member(guest.peer.global_id()).client::<Peer>();
            assert_eq!(member.call::<String>("echo", ["hello"]).await, Ok("hello".into()));
        }
        for guest in guests {
            guest.client.close(1000, "").expect("a valid close").await;
        }
    }
    pass(10_000).await;
    assert_eq!((tasks(), servers.engine.subscriptions()), (before, subscriptions));
}

/// Of a former node with the same id, the others remember what they have heard.
#[tokio::test(start_paused = true)]
async fn a_node_that_starts_again_on_the_same_groups_is_heard_at_once() {
    for says_bye in [true, false] {
        let mut servers = Servers::new(2).await;
        let mut ada = servers.all[0].member("tea").await;
        let mut ben = servers.all[1].member("tea").await;
        for line in ["one", "two"] {
            say(&servers.all[0].groups, "tea", line).await;
            assert_eq!((ada.hear().await, ben.hear().await), (line.into(), line.into()));
        }
        let node = servers.all[0].node.take().expect("it is there");
        if says_bye {
            node.shutdown(Duration::ZERO).await;
        }
        drop(node);
        pass(10).await;
        let again = birpc_cluster::Node::builder(servers.engine.server()).name("again");
        let again = again.start(&servers.all[0].groups).await.expect("the first has ended");
        assert_eq!((again.nodes().len(), servers.known()[1]), (2, 2), "{says_bye}");
        say(&servers.all[0].groups, "tea", "three").await;
        assert_eq!((ada.hear().await, ben.hear().await), ("three".into(), "three".into()));
        let member = servers.all[0].groups.member(ben.peer.global_id()).client::<Peer>();
        assert_eq!(member.call::<String>("echo", ["hello"]).await, Ok("hello".into()));
        servers.all[0].groups.track(&ada.peer, "tea", "ada", ()).await.expect("a member");
        pass(10).await;
        let present = servers.all[1].groups.presence("tea").next().await;
        assert!(
            matches!(&present, Some(birpc_core::PresenceEvent::State(keys)) if keys.contains_key("ada")),
            "{present:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_during_which_the_engine_is_lost_fails_and_may_be_tried_again() {
    let mut servers = Servers::new(1).await;
    servers.all[0].node = None;
    pass(10).await;
    let (backplane, groups) = (servers.engine.server(), servers.all[0].groups.clone());
    let builder = birpc_cluster::Node::builder(backplane.clone());
    let start = tokio::spawn(async move { builder.start(&groups).await });
    pass(300).await;
    assert!(!start.is_finished(), "it waits for a second for others");
    servers.engine.cut(&backplane);
    let failed = start.await.expect("no panic").expect_err("the engine is lost");
    assert_eq!(failed, birpc_cluster::StartError::Engine(birpc_cluster::BackplaneError::Unreachable));
    let groups = &servers.all[0].groups;
    assert_eq!(say(groups, "tea", "alone").await, (0, birpc_core::Remote::None));
    let again = birpc_cluster::Node::builder(servers.engine.server()).start(groups).await;
    assert_eq!(again.expect("the engine is there").nodes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_start_takes_at_most_a_second_and_less_if_others_answer() {
    let began = tokio::time::Instant::now();
    let servers = Servers::new(1).await;
    assert!(began.elapsed() <= Duration::from_millis(1100), "{:?}", began.elapsed());
    let began = tokio::time::Instant::now();
    let second = crate::support::TestServer::start(&servers.engine, "b", |node| node).await;
    assert!(began.elapsed() <= Duration::from_millis(100), "{:?}", began.elapsed());
    assert_eq!(second.node().nodes().len(), 2);
}
