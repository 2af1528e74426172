//! A connection to NATS as the backplane of a cluster.

use std::sync::Arc;

use async_trait::async_trait;
use birpc_cluster::{Backplane, BackplaneError, BackplaneEvent, Topic};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::task::JoinHandle;

use crate::current::Current;
use crate::queue::Incoming;
use crate::subjects::Subjects;

/// NATS as the [`Backplane`] of a cluster: messages between servers go through it.
///
/// It is made with [`Nats::builder`], and keeps a connection to one of the NATS servers until it is dropped.
///
/// ```no_run
/// use birpc_nats::Nats;
///
/// # async fn example() -> Result<(), birpc_nats::ConnectError> {
/// let nats = Nats::builder("nats://127.0.0.1:4222").prefix("chat").connect().await?;
/// # Ok(()) }
/// ```
///
/// # Outages
/// A round trip is made every two seconds. If two of them fail, or the connection ends, the reader of
/// [`Backplane::incoming`] is told [`BackplaneEvent::Lost`] at once, and all methods return
/// [`BackplaneError::Unreachable`]. Nothing is kept until later. It reconnects by itself, to any of the
/// servers that the builder or the NATS cluster named, at random times of up to four seconds, and then says
/// [`BackplaneEvent::Restored`]: there are no subscriptions then.
///
/// # Overload
/// A method waits for the server for at most a second, and then returns [`BackplaneError::Overloaded`]; it
/// has done nothing then. Messages that are not read wait, up to 16 MiB; past it messages are dropped, and
/// [`BackplaneEvent::Overrun`] tells of it.
///
/// # Order
/// Messages are read in the order in which they came from the server, over all topics. A message that arrives
/// while its topic is being subscribed to may change places with those of other topics.
///
/// # Subjects and permissions
/// All subjects begin with the prefix, so clusters with different prefixes do not hear each other:
/// `PREFIX.a`, `PREFIX.g.HASH` and `PREFIX.u.HASH` for groups and users, `PREFIX.n.NODE` for one server, and
/// `PREFIX.r.ID.*` for answers of NATS itself. `HASH` is the first half of the SHA-256 of the name. A node
/// must be permitted to publish and subscribe to `PREFIX.>`, and nobody else should be: whoever may publish
/// there can call any peer of the cluster. [`crate::NatsBuilder::connect`] fails without the permission for
/// `PREFIX.r.>`. A topic that NATS refuses is [`BackplaneError::Refused`]. NATS does not tell whether it let
/// a message through, so a publication that it refuses is only logged.
///
/// async-nats reports refusals apart from everything else. So the first topic of each kind that a connection
/// subscribes to takes 50 ms longer.
///
/// # Limits
/// The largest message is that of the server (`max_payload`, 1 MiB unless configured), and at most 8 MiB. At
/// most 16 messages wait to be sent; further callers of [`Backplane::publish`] wait their turn. A topic that
/// is subscribed to takes about 7 KB of memory, nearly all of it in async-nats. A thousand subscriptions at
/// once take a tenth of a second, so many more than ten thousand at once do not get their answers in time.
///
/// # Trust
/// The NATS servers are trusted: async-nats does not bound the length of what a server announces.
///
/// # Dropping
/// Dropping this closes the connection. If a server does not answer at that time, the task of its client ends
/// within about ten seconds.
#[derive(Debug)]
pub struct Nats {
    subjects: Subjects,
    current: Arc<Current>,
    keeper: JoinHandle<()>,
}

impl Nats {
    pub(crate) fn new(subjects: Subjects, current: Arc<Current>, keeper: JoinHandle<()>) -> Self {
        Self { subjects, current, keeper }
    }

    fn subject(&self, topic: &Topic) -> Result<String, BackplaneError> {
        let unknown = || BackplaneError::Refused(format!("this version does not know the topic {topic:?}"));
        self.subjects.of(topic).ok_or_else(unknown)
    }
}

#[async_trait]
impl Backplane for Nats {
    fn max_message(&self) -> usize {
        self.current.max_message()
    }

    /// # Cancel safety
    /// If the future is dropped, the message may have been published or not.
    async fn publish(&self, topic: &Topic, message: Bytes, tag: Option<u64>) -> Result<(), BackplaneError> {
        let (size, max) = (message.len(), self.max_message());
        let connection = self.current.get()?;
        if size > max {
            return Err(BackplaneError::Refused(format!(
                "the message has {size} bytes, and NATS takes at most {max}"
            )));
        }
        connection.publish(self.subject(topic)?, message, tag).await
    }

    /// # Cancel safety
    /// If the future is dropped, there is no subscription, unless there is another one to the topic.
    async fn subscribe(&self, topic: &Topic) -> Result<(), BackplaneError> {
        let subject = self.subject(topic)?;
        self.current.get()?.subscribe(topic, subject).await
    }

    async fn unsubscribe(&self, topic: &Topic) {
        if let (Ok(subject), Ok(connection)) = (self.subject(topic), self.current.get()) {
            connection.unsubscribe(&subject).await;
        }
    }

    /// The events. Until this is called they wait. If it is called again, the former stream ends.
    fn incoming(&self) -> BoxStream<'static, BackplaneEvent> {
        Box::pin(Incoming::new(self.current.queue().clone()))
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.keeper.abort();
        self.current.close();
    }
}
