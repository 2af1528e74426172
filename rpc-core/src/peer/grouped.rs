//! What groups need of a peer.

use std::any::Any;
use std::sync::Arc;

use super::{EncodedNotification, Peer};
use crate::config::Config;

impl Peer {
    /// A handle for the same connection without the timeout, the layers and the call of this one. It keeps no
    /// client's connection open.
    pub(crate) fn plain(&self) -> Self {
        Self::at(self.endpoint.clone())
    }

    /// The settings of the connection, which all connections of a server share.
    pub(crate) fn config(&self) -> &Config {
        self.endpoint.config()
    }

    /// The value of this type that is kept with the connection. It is created if there is none, and not kept
    /// if the connection has ended.
    pub(crate) fn value_or_default<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        self.endpoint.values().get_or_default()
    }

    /// Queues a notification as [`Peer::try_notify`] does, without a line in the log if the peer misses it.
    pub(crate) fn offer(&self, notification: &EncodedNotification) -> bool {
        notification.size() <= self.limits().max_message_out
            && self.current().as_caller().offer(notification.text())
    }

    /// Queues a notification that the peer must get, whatever its [`crate::WhenFull`] is: if its queue is
    /// far too full, the connection closes with 1013.
    pub(crate) fn tell(&self, notification: &EncodedNotification) {
        self.current().as_caller().tell(notification.text());
    }
}
