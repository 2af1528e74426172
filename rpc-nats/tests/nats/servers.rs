//! Several nats-servers.

use std::time::Duration;

use birpc_cluster::{Backplane, BackplaneEvent};
use birpc_nats::Nats;
use bytes::Bytes;
use futures_util::StreamExt;

use crate::server::NatsServer;
use crate::{Node, group, message};

/// Publishes until a message arrives: servers pass subscriptions on in their own time.
async fn heard(one: &Node, two: &mut Node) {
    let topic = group("room");
    for _ in 0..1000 {
        one.publish(&topic, "news").await;
        if let Ok(event) = tokio::time::timeout(Duration::from_millis(10), two.incoming.next()).await {
            assert_eq!(event, Some(message(&topic, "news")));
            return;
        }
    }
    panic!("nothing arrives at the other server");
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn messages_go_between_servers_and_a_node_goes_to_another_server() {
    let mut first = NatsServer::in_cluster(&[]).await;
    let second = NatsServer::in_cluster(&[&first]).await;
    // The URL of the second is not given: the first tells of it.
    let mut one = Node::of(&first).await;
    let mut two = Node::of(&second).await;
    two.subscribe(&group("room")).await;
    heard(&one, &mut two).await;
    first.kill().await;
    assert_eq!(one.next().await, BackplaneEvent::Lost);
    assert_eq!(one.next().await, BackplaneEvent::Restored);
    heard(&one, &mut two).await;
    one.nats.publish(&group("nobody"), Bytes::new(), Some(3)).await.expect("it is published");
    assert_eq!(one.next().await, BackplaneEvent::Nobody { tag: 3 });
}

#[tokio::test]
#[ignore = "needs nats-server: cargo xtask cluster"]
async fn one_of_several_servers_suffices() {
    let mut gone = NatsServer::start().await;
    gone.kill().await;
    let server = NatsServer::start().await;
    for list in [format!("{},{}", gone.url(), server.url()), format!("{}, {}", server.address, gone.address)]
    {
        for _ in 0..5 {
            let mut one = Node::new(Nats::builder(&list).connect().await.expect("one can be reached"));
            one.has_nothing().await;
        }
    }
    let refused = Nats::builder(gone.url()).connect().await.expect_err("nobody listens");
    assert!(refused.to_string().contains(&gone.address), "{refused}");
}
