//! Sizes, and readers that do not read.

use std::time::{Duration, Instant};

use birpc_cluster::{Backplane, BackplaneError, BackplaneEvent};
use bytes::Bytes;
use futures_util::future::join_all;

use crate::server::NatsServer;
use crate::{Node, group};

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn the_largest_message_is_the_server_s_and_is_read_anew_at_each_connection() {
    let mut server = NatsServer::start().await;
    let mut one = Node::of(&server).await;
    assert_eq!(one.nats.max_message(), 1 << 20);
    let topic = group("room");
    let sent = |size| Bytes::from(vec![b'x'; size]);
    for limit in [1 << 20, 2000] {
        one.subscribe(&topic).await;
        one.nats.publish(&topic, sent(limit), Some(1)).await.expect("it fits");
        let received = BackplaneEvent::Message { topic: topic.clone(), bytes: sent(limit) };
        assert_eq!(one.next().await, received);
        let refused = one.nats.publish(&topic, sent(limit + 1), None).await;
        let Err(BackplaneError::Refused(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains(&limit.to_string()) && why.contains(&(limit + 1).to_string()), "{why}");
        one.has_nothing().await;
        if limit == 2000 {
            break;
        }
        server.kill().await;
        server.restart_with("max_payload: 2000").await;
        assert_eq!(one.next().await, BackplaneEvent::Lost);
        assert_eq!(one.next().await, BackplaneEvent::Restored);
        assert_eq!(one.nats.max_message(), 2000);
    }
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn a_reader_that_is_behind_is_told_that_it_lost_messages() {
    let server = NatsServer::start().await;
    let (mut one, mut two) = (Node::of(&server).await, Node::of(&server).await);
    let topic = group("room");
    two.subscribe(&topic).await;
    let text = Bytes::from(vec![b'x'; 1 << 20]);
    for _ in 0..40 {
        let mut result = Err(BackplaneError::Overloaded);
        while result == Err(BackplaneError::Overloaded) {
            result = one.nats.publish(&topic, text.clone(), None).await;
        }
        result.expect("it is published");
    }
    // The server has them, and then the connection.
    one.has_nothing().await;
    two.subscribe(&group("fence")).await;
    let mut received = 0;
    loop {
        match two.next().await {
            BackplaneEvent::Message { bytes, .. } => {
                assert_eq!(bytes, text);
                received += 1;
            }
            BackplaneEvent::Overrun => break,
            other => panic!("{other:?}"),
        }
    }
    assert!((12..=16).contains(&received), "{received}");
    two.has_nothing().await;
    one.nats.publish(&topic, text.clone(), None).await.expect("it is published");
    assert_eq!(two.next().await, BackplaneEvent::Message { topic, bytes: text });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn many_messages_and_subscriptions_at_once() {
    let server = NatsServer::start().await;
    let (one, mut two) = (Node::of(&server).await, Node::of(&server).await);
    let topics: Vec<_> = (0..10_000).map(|index| group(&index.to_string())).collect();
    let began = Instant::now();
    for topics in topics.chunks(1000) {
        let subscribed = join_all(topics.iter().map(|topic| two.nats.subscribe(topic))).await;
        assert!(subscribed.into_iter().all(|subscribed| subscribed.is_ok()));
    }
    let subscribing = began.elapsed();
    let reading = async {
        for _ in 0..100_000 {
            assert!(matches!(two.next().await, BackplaneEvent::Message { .. }));
        }
    };
    let publishing = async {
        for round in 0..100_000 {
            let topic = &topics[round % topics.len()];
            let published = one.nats.publish(topic, Bytes::from_static(b"0123456789"), None).await;
            published.expect("it is published");
        }
    };
    let began = Instant::now();
    tokio::join!(reading, publishing);
    println!("10 000 subscriptions: {subscribing:?}; 100 000 messages: {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(30));
}
