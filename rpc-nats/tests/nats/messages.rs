//! What is published arrives where it should.

use std::time::{Duration, Instant};

use birpc_cluster::{Backplane, BackplaneEvent, NodeId, Topic};
use birpc_nats::Nats;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::time::timeout;

use crate::server::NatsServer;
use crate::{Node, group, message};

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn each_kind_of_topic_is_heard_by_those_who_have_subscribed_to_it() {
    let server = NatsServer::start().await;
    let (mut one, mut two) = (Node::of(&server).await, Node::of(&server).await);
    let topics = [
        Topic::All,
        group("room"),
        Topic::User("room".into()),
        Topic::Node(NodeId(u128::MAX)),
        group("with spaces\r\nPUB x 0\r\n"),
        group("*"),
        group(">"),
        group("a.b"),
        group("中文 🦀 \0"),
        group(&"long".repeat(64)),
        Topic::User("ä".into()),
    ];
    for topic in &topics {
        two.subscribe(topic).await;
    }
    for (index, topic) in topics.iter().enumerate() {
        one.publish(topic, &index.to_string()).await;
    }
    for (index, topic) in topics.iter().enumerate() {
        assert_eq!(two.next().await, message(topic, &index.to_string()));
    }
    one.has_nothing().await;
    one.subscribe(&topics[0]).await;
    one.publish(&topics[0], "own").await;
    assert_eq!(one.next().await, message(&topics[0], "own"));
    assert_eq!(two.next().await, message(&topics[0], "own"));
    two.nats.unsubscribe(&topics[0]).await;
    two.has_nothing().await;
    one.publish(&topics[0], "again").await;
    assert_eq!(one.next().await, message(&topics[0], "again"));
    two.has_nothing().await;
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn what_is_published_after_a_subscription_arrives() {
    let server = NatsServer::start().await;
    let (one, mut two) = (Node::of(&server).await, Node::of(&server).await);
    for round in 0..1000 {
        let topic = group(&round.to_string());
        two.subscribe(&topic).await;
        one.publish(&topic, "at once").await;
        assert_eq!(two.next().await, message(&topic, "at once"), "in round {round}");
        if round % 2 == 0 {
            two.nats.unsubscribe(&topic).await;
        }
    }
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn messages_of_all_topics_arrive_in_order() {
    let server = NatsServer::start().await;
    let (one, mut two) = (Node::of(&server).await, Node::of(&server).await);
    let topics: Vec<Topic> = (0..7).map(|index| group(&index.to_string())).collect();
    for topic in &topics {
        two.subscribe(topic).await;
    }
    for round in 0..5000_usize {
        one.publish(&topics[round * round % 7], &round.to_string()).await;
    }
    for round in 0..5000_usize {
        assert_eq!(two.next().await, message(&topics[round * round % 7], &round.to_string()));
    }
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn the_publisher_is_told_that_nobody_has_subscribed() {
    let server = NatsServer::start().await;
    let (mut one, mut two) = (Node::of(&server).await, Node::of(&server).await);
    let topic = Topic::Node(NodeId(7));
    let publish = async |one: &Node, tag| one.nats.publish(&topic, Bytes::new(), tag).await;
    let began = Instant::now();
    for tag in [0, u64::MAX] {
        publish(&one, Some(tag)).await.expect("it is published");
        assert_eq!(one.next().await, BackplaneEvent::Nobody { tag });
    }
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    publish(&one, None).await.expect("it is published");
    one.has_nothing().await;
    two.subscribe(&topic).await;
    publish(&one, Some(2)).await.expect("it is published");
    assert_eq!(two.next().await, message(&topic, ""));
    one.has_nothing().await;
    two.nats.unsubscribe(&topic).await;
    two.has_nothing().await;
    publish(&one, Some(3)).await.expect("it is published");
    assert_eq!(one.next().await, BackplaneEvent::Nobody { tag: 3 });
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn two_prefixes_do_not_hear_each_other() {
    let server = NatsServer::start().await;
    let with = async |prefix: &str| {
        Node::new(Nats::builder(server.url()).prefix(prefix).connect().await.expect("it can be reached"))
    };
    let (mut one, mut other) = (with("a").await, with("ab").await);
    for topic in [Topic::All, group("room"), Topic::User("ada".into()), Topic::Node(NodeId(1))] {
        one.subscribe(&topic).await;
        other.subscribe(&topic).await;
        one.publish(&topic, "one").await;
        other.publish(&topic, "other").await;
        assert_eq!(one.next().await, message(&topic, "one"));
        assert_eq!(other.next().await, message(&topic, "other"));
    }
    one.has_nothing().await;
    other.has_nothing().await;
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn subscribing_twice_is_subscribing_once() {
    let server = NatsServer::start().await;
    let mut one = Node::of(&server).await;
    let topic = group("room");
    let (first, second) = tokio::join!(one.nats.subscribe(&topic), one.nats.subscribe(&topic));
    first.and(second).expect("both are subscribed");
    one.subscribe(&topic).await;
    one.publish(&topic, "once").await;
    assert_eq!(one.next().await, message(&topic, "once"));
    one.has_nothing().await;
    one.nats.unsubscribe(&topic).await;
    one.nats.unsubscribe(&topic).await;
    one.publish(&topic, "gone").await;
    one.has_nothing().await;
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn a_subscription_whose_future_is_dropped_does_not_stay() {
    let server = NatsServer::start().await;
    let (mut one, mut two) = (Node::of(&server).await, Node::of(&server).await);
    let topic = group("room");
    {
        let mut subscribing = one.nats.subscribe(&topic);
        assert!((&mut subscribing).now_or_never().is_none());
    }
    // The client ends it in a task.
    let publish = async || two.nats.publish(&topic, Bytes::new(), Some(1)).await.expect("it is published");
    for _ in 0..100 {
        one.has_nothing().await;
        publish().await;
        if timeout(Duration::from_millis(20), two.incoming.next()).await.is_ok() {
            break;
        }
    }
    publish().await;
    assert_eq!(two.next().await, BackplaneEvent::Nobody { tag: 1 });
    // One of two that wait for the same topic is dropped.
    let mut dropped = one.nats.subscribe(&topic);
    assert!((&mut dropped).now_or_never().is_none());
    let mut kept = one.nats.subscribe(&topic);
    assert!((&mut kept).now_or_never().is_none());
    drop(dropped);
    kept.await.expect("a subscription");
    two.publish(&topic, "heard").await;
    assert_eq!(one.next().await, message(&topic, "heard"));
}
