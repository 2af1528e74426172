//! The interface to an engine that connects servers.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use thiserror::Error;

use crate::topic::Topic;

/// An engine that passes messages on to the servers that have subscribed to their topic.
///
/// An engine may lose messages, deliver them twice or late, and need not tell of it: all of this is noticed
/// above it, as far as it can be. It must keep three rules:
///
/// - After [`Backplane::subscribe`] has returned, a message that is published by the *same* server arrives.
///   Nothing is required of messages of other servers: an engine of several machines passes subscriptions on
///   in its own time, and a join waits for the other servers itself.
/// - A method returns within a second or so, also when the engine cannot be reached.
/// - [`Backplane::incoming`] is read without delay. An engine that must drop messages because they are not
///   read says [`BackplaneEvent::Overrun`].
///
/// What an implementation must not do: buffer what is published during an outage. It would arrive on servers
/// that have subscribed since, and be missed by those that have not, and the publisher would have been told
/// that it was published.
#[async_trait]
pub trait Backplane: Send + Sync + 'static {
    /// Maximum size of a message, in bytes. It is read anew after each [`BackplaneEvent::Restored`].
    fn max_message(&self) -> usize;

    /// Publishes a message. With a `tag`, an engine that knows that nobody has subscribed to the topic says
    /// [`BackplaneEvent::Nobody`] with it; other engines say nothing.
    ///
    /// # Errors
    /// [`BackplaneError`]; the message was not published then.
    async fn publish(&self, topic: &Topic, message: Bytes, tag: Option<u64>) -> Result<(), BackplaneError>;

    /// Subscribes to a topic. The engine has the subscription when this returns.
    ///
    /// # Errors
    /// [`BackplaneError`]; there is no subscription then.
    async fn subscribe(&self, topic: &Topic) -> Result<(), BackplaneError>;

    /// Ends a subscription. Messages that are under way may still arrive.
    async fn unsubscribe(&self, topic: &Topic);

    /// The messages of the topics that were subscribed to, and what happens to the engine. This is called
    /// once.
    fn incoming(&self) -> BoxStream<'static, BackplaneEvent>;
}

/// What comes from an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackplaneEvent {
    /// A message, which may be one of this server's own.
    Message {
        /// The topic to which it was published.
        topic: Topic,
        /// The message.
        bytes: Bytes,
    },
    /// Nobody has subscribed to the topic of the message with this tag.
    Nobody {
        /// The tag.
        tag: u64,
    },
    /// The engine cannot be reached. Nothing arrives, and nothing can be published, until it is restored.
    Lost,
    /// The engine can be reached again. There are no subscriptions.
    Restored,
    /// Messages were dropped because they were not read in time.
    Overrun,
}

/// Why an engine did not do something.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BackplaneError {
    /// The engine cannot be reached.
    #[error("the engine cannot be reached")]
    Unreachable,
    /// The engine takes no more messages at the moment.
    #[error("the engine is overloaded")]
    Overloaded,
    /// The engine refuses it, for example because of missing permissions.
    #[error("the engine refuses it: {0}")]
    Refused(String),
}
