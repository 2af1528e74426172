//! Notifications that are encoded once, for many peers.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use super::{Notify, Peer};
use crate::error::CallError;
use crate::message::{as_notification, encode_notification, within};

const MAY_WAIT: &str = "the peer is connected to another server, which needs `notify`";

/// A notification that is encoded, to be sent to many peers: what a server's broadcast sends to all, for
/// groups of the application's own. A cheap clone.
///
/// ```
/// # fn example(room: Vec<birpc_core::Peer>) -> Result<(), birpc_core::CallError> {
/// use birpc_core::EncodedNotification;
///
/// let said = EncodedNotification::new("room.said", ["hello"])?;
/// let heard = room.iter().filter(|peer| peer.try_notify(&said).is_ok_and(|queued| queued)).count();
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct EncodedNotification(Bytes);

impl EncodedNotification {
    /// A notification by its wire name; [`Notify::encode`] makes one of a stub's.
    ///
    /// # Errors
    /// [`CallError::Unsendable`] if the params do not serialise.
    pub fn new(method: &str, params: impl Serialize) -> Result<Self, CallError> {
        encode_notification(method, &params).map(Self).map_err(CallError::unsendable)
    }

    /// The size of the message, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// A notification that has come from another server; `None` if the text is not one.
    pub(crate) fn received(text: Bytes) -> Option<Self> {
        as_notification(&text).is_some().then_some(Self(text))
    }

    pub(crate) fn text(&self) -> Bytes {
        self.0.clone()
    }
}

impl Notify {
    /// The message itself, to be sent to many peers. Nothing is sent to the peer that it was made for.
    ///
    /// ```
    /// # use birpc_core::{CallError, Peer};
    /// # fn example(peer: Peer, room: Vec<Peer>) -> Result<(), CallError> {
    /// // With a stub: `peer.stub::<UserClient>().said("hello".into()).encode()?`.
    /// let said = peer.notify("user.said", ["hello"]).encode()?;
    /// for other in room.iter().filter(|other| **other != peer) {
    ///     other.try_notify(&said)?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`CallError::Unsendable`] if the params do not serialise, or the message is over
    /// [`crate::Limits::max_message_out`] of the peer that it was made for.
    pub fn encode(self) -> Result<EncodedNotification, CallError> {
        self.into_text().map(EncodedNotification)
    }
}

impl Peer {
    /// Queues a notification without waiting. `false` if the queue for this peer is full: then
    /// [`crate::WhenFull`] says what becomes of it ([`Peer::set_when_full`]), by default the peer misses it.
    /// Under `birpc.v1` it may have to wait for the peer's credit, and counts as queued meanwhile. A
    /// connection that has ended takes it, and sends nothing.
    ///
    /// # Errors
    /// [`CallError::Unsendable`] if the message is over [`crate::Limits::max_message_out`] of this peer, or
    /// if the peer is connected to another server: [`Peer::notify`] reaches it.
    pub fn try_notify(&self, notification: &EncodedNotification) -> Result<bool, CallError> {
        within(notification.size(), self.limits().max_message_out).map_err(CallError::unsendable)?;
        if self.place().is_some() {
            return Err(CallError::unsendable(MAY_WAIT));
        }
        Ok(self.current().as_caller().try_send(notification.0.clone()))
    }
}

impl fmt::Debug for EncodedNotification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedNotification").field("size", &self.size()).finish_non_exhaustive()
    }
}
