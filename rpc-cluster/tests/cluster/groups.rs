//! What is sent to groups, users and all reaches the peers of all servers.

use std::time::Duration;

use birpc_cluster::{Faults, Node, StartError};
use birpc_core::{GroupError, Peer, Remote};

use crate::support::{Servers, pass, say};

#[tokio::test(start_paused = true)]
async fn groups_users_and_all_span_the_servers() {
    let mut servers = Servers::new(3).await;
    let mut ada = servers.all[0].member("tea").await;
    let mut ben = servers.all[1].member("tea").await;
    let mut eve = servers.all[2].user("eve").await;
    let groups = servers.all[2].groups.clone();

    assert_eq!(say(&groups, "tea", "to both").await, (0, Remote::Published));
    assert_eq!((ada.hear().await, ben.hear().await), ("to both".into(), "to both".into()));
    let others = groups.to("tea").except(ada.peer.global_id());
    others.send(|peer: &Peer| peer.notify("said", ["to ben"])).await.expect("it is short");
    assert_eq!(ben.hear().await, "to ben");
    let from_ada = servers.all[0].groups.to("tea").except(ada.peer.global_id());
    from_ada.send(|peer: &Peer| peer.notify("said", ["of ada"])).await.expect("it is short");
    assert_eq!(ben.hear().await, "of ada");

    let user = servers.all[0].groups.user("eve");
    user.send(|peer: &Peer| peer.notify("said", ["to eve"])).await.expect("it is short");
    assert_eq!(eve.hear().await, "to eve");
    let all = servers.all[1].groups.all();
    let sent = all.send(|peer: &Peer| peer.notify("said", ["to all"])).await.expect("it is short");
    assert_eq!(sent.local, 1);
    for guest in [&mut ada, &mut ben, &mut eve] {
        assert_eq!(guest.hear().await, "to all");
    }
    assert_eq!((groups.count("tea").await, servers.all[0].groups.count("tea").await), (2, 2));
    servers.all[0].groups.leave(&ada.peer, "tea").await;
    say(&groups, "tea", "to ben alone").await;
    assert_eq!(ben.hear().await, "to ben alone");
    assert_eq!((ada.heard(), ben.heard(), eve.heard()), (vec![], vec![], vec![]));
    assert_eq!(groups.count("tea").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_user_can_be_logged_out_everywhere() {
    let mut servers = Servers::new(2).await;
    let (ada, also_ada) = (servers.all[0].user("ada").await, servers.all[1].user("ada").await);
    let ben = servers.all[1].user("ben").await;
    let closed = servers.all[0].groups.user("ada").close(4001, "logged out").await.expect("a valid close");
    assert_eq!((closed.local, closed.remote), (1, Remote::Published));
    for guest in [ada, also_ada] {
        let reason = guest.client.peer().closed().await;
        assert_eq!((reason.code, reason.reason.as_str()), (4001, "logged out"));
    }
    assert!(ben.peer.state() == birpc_core::ConnectionState::Open);
}

/// Half of the subscriptions are known to the other servers late: only the barrier makes joins hold.
#[tokio::test(start_paused = true)]
async fn after_a_join_nothing_that_another_server_sends_is_lost() {
    let mut servers = Servers::new(3).await;
    servers.engine.set_faults(Faults::default().late_subscriptions(50));
    let mut guests = Vec::new();
    for _ in 0..8 {
        guests.push(servers.all[0].guest().await);
    }
    let sender = servers.all[1].groups.clone();
    for number in 0..10_000 {
        let guest = &mut guests[number % 8];
        let group = format!("room {}", number % 100);
        servers.all[0].groups.join(&guest.peer, &group).await.expect("there is room");
        let line = number.to_string();
        assert_eq!(say(&sender, &group, &line).await, (0, Remote::Published));
        assert_eq!(guest.hear().await, line);
        servers.all[0].groups.leave(&guest.peer, &group).await;
    }
    assert_eq!(servers.all[0].gaps(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_text_of_a_group_costs_one_message_for_each_server_with_members() {
    let mut servers = Servers::new(4).await;
    let mut guests = Vec::new();
    for index in 0..3 {
        let guest = servers.all[index].guest().await;
        for number in 0..3 {
            servers.all[index].groups.join(&guest.peer, &format!("room {number}")).await.expect("room");
        }
        guests.push(guest);
    }
    for _ in 0..100 {
        let index = guests.len() % 3;
        guests.push(servers.all[index].member("tea").await);
    }
    pass(10).await;
    let before = servers.engine.delivered();
    assert_eq!(say(&servers.all[3].groups, "tea", "hello").await.1, Remote::Published);
    assert_eq!(servers.engine.delivered() - before, 3);
    for guest in &mut guests[3..] {
        assert_eq!(guest.hear().await, "hello");
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_task_sends_to_a_group_arrives_in_order() {
    let mut servers = Servers::new(2).await;
    let mut ada = servers.all[0].member("tea").await;
    for number in 0..1000 {
        say(&servers.all[1].groups, "tea", &number.to_string()).await;
    }
    for number in 0..1000 {
        assert_eq!(ada.hear().await, number.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_that_the_engine_cannot_pass_on_reaches_nobody() {
    let mut servers = Servers::new(2).await;
    let mut ada = servers.all[0].member("tea").await;
    let line = "x".repeat((1 << 20) - 330);
    let sent = servers.all[0].groups.to("tea").send(|peer: &Peer| peer.notify("said", [&line])).await;
    assert!(matches!(sent, Err(birpc_core::CallError::Unsendable(_))), "{sent:?}");
    let line = "x".repeat((1 << 20) - 330 - 100);
    assert_eq!(say(&servers.all[1].groups, "tea", &line).await.1, Remote::Published);
    assert_eq!(ada.hear().await.len(), line.len());
    assert_eq!(ada.heard(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_join_that_is_dropped_or_refused_leaves_no_membership() {
    let mut servers = Servers::new(2).await;
    let guest = servers.all[0].guest().await;
    let groups = servers.all[0].groups.clone();
    let join = groups.join(&guest.peer, "tea");
    assert!(tokio::time::timeout(Duration::ZERO, join).await.is_err());
    assert!(!groups.is_member(&guest.peer, "tea"));
    servers.engine.refuse_subscriptions(true);
    let refused = groups.join(&guest.peer, "coffee").await;
    assert!(matches!(refused, Err(GroupError::Refused(_))), "{refused:?}");
    assert!(!groups.is_member(&guest.peer, "coffee"));
    servers.engine.refuse_subscriptions(false);
    groups.join(&guest.peer, "coffee").await.expect("it is not refused any more");
}

#[tokio::test(start_paused = true)]
async fn groups_have_one_node() {
    let mut servers = Servers::new(1).await;
    let groups = servers.all[0].groups.clone();
    let second = Node::builder(servers.engine.server()).start(&groups).await;
    assert_eq!(second.map(drop), Err(StartError::AlreadyConnected));
    let name = Node::builder(servers.engine.server()).name("").start(&groups).await;
    assert_eq!(name.map(drop), Err(StartError::Name { bytes: 0 }));
    let key = Node::builder(servers.engine.server()).key("short").start(&groups).await;
    assert_eq!(key.map(drop), Err(StartError::Key { bytes: 5 }));
    servers.all[0].node.take();
    pass(1).await;
    let third = Node::builder(servers.engine.server()).start(&groups).await;
    assert_eq!(third.map(drop), Ok(()), "the first has ended");
}

#[tokio::test(start_paused = true)]
async fn servers_with_different_keys_do_not_hear_each_other() {
    let signed = Servers::with(2, 1, |node| node.key(b"a key that the servers have".to_vec())).await;
    assert_eq!(signed.known(), [2, 2]);
    let stranger = crate::support::TestServer::start(&signed.engine, "stranger", |node| node).await;
    pass(10_000).await;
    assert_eq!((signed.known(), stranger.node().nodes().len()), (vec![2, 2], 1));
}
