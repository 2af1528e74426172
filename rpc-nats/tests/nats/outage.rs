//! nats-server is killed, stopped, and comes back.

use std::time::{Duration, Instant};

use birpc_cluster::{Backplane, BackplaneError, BackplaneEvent, Topic};
use bytes::Bytes;

use crate::server::NatsServer;
use crate::{Node, group, message};

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn an_outage_is_told_at_once_and_nothing_is_kept_over_it() {
    let mut server = NatsServer::start().await;
    let (mut one, mut two) = (Node::of(&server).await, Node::of(&server).await);
    let topic = group("room");
    two.subscribe(&topic).await;
    for round in 0..3 {
        one.publish(&topic, "before").await;
        assert_eq!(two.next().await, message(&topic, "before"));
        server.kill().await;
        for node in [&mut one, &mut two] {
            assert_eq!(node.within(Duration::from_millis(500)).await, BackplaneEvent::Lost);
            let began = Instant::now();
            let published = node.nats.publish(&topic, Bytes::from_static(b"lost"), Some(1)).await;
            assert_eq!(published, Err(BackplaneError::Unreachable));
            assert_eq!(node.nats.subscribe(&topic).await, Err(BackplaneError::Unreachable));
            node.nats.unsubscribe(&group("other")).await;
            assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
        }
        server.restart().await;
        for node in [&mut one, &mut two] {
            assert_eq!(node.next().await, BackplaneEvent::Restored, "in round {round}");
        }
        one.publish(&topic, "no subscription").await;
        two.has_nothing().await;
        two.subscribe(&topic).await;
    }
    one.publish(&topic, "after").await;
    assert_eq!(two.next().await, message(&topic, "after"));
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn a_stopped_server_is_noticed_and_no_method_waits_for_it() {
    let server = NatsServer::start().await;
    let mut one = Node::of(&server).await;
    let topic = group("room");
    one.subscribe(&topic).await;
    server.signal("STOP").await;
    let stopped = Instant::now();
    let large = Bytes::from(vec![b'x'; 1 << 20]);
    let other = group("other");
    let (mut published, mut overloaded) = (0, 0);
    // The system's buffers and the client's queue take some; then there is no room.
    let lost = loop {
        let began = Instant::now();
        let publishing = async {
            loop {
                match one.nats.publish(&topic, large.clone(), None).await {
                    Ok(()) => published += 1,
                    Err(error) => break error,
                }
            }
        };
        let (subscribed, error) = tokio::join!(one.nats.subscribe(&other), publishing);
        one.nats.unsubscribe(&other).await;
        assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
        assert!(matches!(subscribed, Err(BackplaneError::Overloaded | BackplaneError::Unreachable)));
        match error {
            BackplaneError::Overloaded => overloaded += 1,
            BackplaneError::Unreachable => break stopped.elapsed(),
            other => panic!("{other}"),
        }
    };
    assert_eq!(one.next().await, BackplaneEvent::Lost);
    assert!((Duration::from_secs(2)..Duration::from_secs(8)).contains(&lost), "{lost:?}");
    assert!(published < 50 && overloaded > 1, "{published} published, {overloaded} overloaded");
    server.signal("CONT").await;
    assert_eq!(one.next().await, BackplaneEvent::Restored);
    one.subscribe(&topic).await;
    one.publish(&topic, "after").await;
    // The server may still have had some of the large ones to read.
    while one.next().await != message(&topic, "after") {}
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn a_server_that_is_stopped_before_the_handshake_is_given_up_in_time() {
    let mut server = NatsServer::start().await;
    let mut one = Node::of(&server).await;
    server.kill().await;
    assert_eq!(one.next().await, BackplaneEvent::Lost);
    // Accepts connections, and says nothing.
    let silent = tokio::net::TcpListener::bind(&server.address).await.expect("the port is free");
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(silent);
    server.restart().await;
    assert_eq!(one.next().await, BackplaneEvent::Restored);
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn a_short_stop_is_no_outage() {
    let server = NatsServer::start().await;
    let mut one = Node::of(&server).await;
    one.subscribe(&Topic::All).await;
    server.signal("STOP").await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    server.signal("CONT").await;
    one.publish(&Topic::All, "after").await;
    assert_eq!(one.next().await, message(&Topic::All, "after"));
    one.has_nothing().await;
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn nothing_is_left_when_it_is_dropped_even_in_an_outage() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let left = async |before| {
        // The client of a lost connection tries once more to connect, after up to a second.
        for _ in 0..300 {
            if tasks() == before {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} tasks are left, and there were {before}", tasks());
    };
    let mut server = NatsServer::start().await;
    let before = tasks();
    let mut one = Node::of(&server).await;
    one.subscribe(&Topic::All).await;
    drop(one.nats);
    left(before).await;
    assert_eq!(futures_util::StreamExt::next(&mut one.incoming).await, None);
    let mut two = Node::of(&server).await;
    server.kill().await;
    assert_eq!(two.next().await, BackplaneEvent::Lost);
    // While it waits to reconnect, or reconnects.
    drop(two);
    left(before).await;
    // Outside a runtime.
    server.restart().await;
    let three = Node::of(&server).await;
    std::thread::spawn(move || drop(three)).join().expect("no panic");
    left(before).await;
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn nothing_is_left_when_it_is_dropped_while_the_server_is_stopped() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let server = NatsServer::start().await;
    let before = tasks();
    let one = Node::of(&server).await;
    one.subscribe(&Topic::All).await;
    server.signal("STOP").await;
    let large = Bytes::from(vec![b'x'; 1 << 20]);
    while one.nats.publish(&Topic::All, large.clone(), None).await.is_ok() {}
    drop(one);
    let dropped = Instant::now();
    while tasks() != before {
        assert!(dropped.elapsed() < Duration::from_secs(15), "{} tasks are left, not {before}", tasks());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("the client's task ended {:?} after it was dropped", dropped.elapsed());
}
