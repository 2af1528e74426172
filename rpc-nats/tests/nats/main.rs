//! `Nats` with real nats-servers. `cargo xtask cluster` installs nats-server and runs these tests; without
//! it they are listed as ignored.

mod access;
mod limits;
mod messages;
mod outage;
mod server;
mod servers;
#[cfg(feature = "tls")]
mod tls;

use std::time::Duration;

use birpc_cluster::{Backplane, BackplaneError, BackplaneEvent, Topic};
use birpc_nats::Nats;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::time::timeout;

use server::NatsServer;

/// A server of a cluster, as it sees NATS.
struct Node {
    nats: Nats,
    incoming: BoxStream<'static, BackplaneEvent>,
}

impl Node {
    async fn of(server: &NatsServer) -> Self {
        Self::new(Nats::builder(server.url()).prefix("test").connect().await.expect("it can be reached"))
    }

    fn new(nats: Nats) -> Self {
        let incoming = nats.incoming();
        Self { nats, incoming }
    }

    /// The next event, which comes within this time.
    async fn within(&mut self, time: Duration) -> BackplaneEvent {
        timeout(time, self.incoming.next()).await.expect("an event in time").expect("it has not ended")
    }

    async fn next(&mut self) -> BackplaneEvent {
        self.within(Duration::from_secs(10)).await
    }

    /// Nothing has arrived. What was published before by this server's NATS would have.
    async fn has_nothing(&mut self) {
        let fence = group("the fence of has_nothing");
        self.subscribe(&fence).await;
        self.publish(&fence, "fence").await;
        assert_eq!(self.next().await, message(&fence, "fence"));
        self.nats.unsubscribe(&fence).await;
    }

    /// Subscribes, and tries again if much else is to be done first.
    async fn subscribe(&self, topic: &Topic) {
        let mut subscribed = Err(BackplaneError::Overloaded);
        for _ in 0..20 {
            if subscribed == Err(BackplaneError::Overloaded) {
                subscribed = self.nats.subscribe(topic).await;
            }
        }
        subscribed.expect("a subscription");
    }

    async fn publish(&self, topic: &Topic, text: &str) {
        let text = Bytes::copy_from_slice(text.as_bytes());
        self.nats.publish(topic, text, None).await.expect("it is published");
    }
}

fn group(name: &str) -> Topic {
    Topic::Group(name.into())
}

fn message(topic: &Topic, text: &str) -> BackplaneEvent {
    BackplaneEvent::Message { topic: topic.clone(), bytes: Bytes::copy_from_slice(text.as_bytes()) }
}
