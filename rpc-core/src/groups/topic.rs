//! Groups that peers join themselves, as topics.

use std::sync::Arc;

use serde::Serialize;

use super::error::GroupError;
use super::membership::{By, Left};
use super::name::Name;
use super::registry::Registry;
use crate::message::{ErrorObject, LEFT};
use crate::peer::{EncodedNotification, Peer};

/// A join of a topic, while the application authorizes it. If it is dropped before it is completed, the peer
/// has not joined.
pub(crate) struct PendingJoin {
    registry: Arc<Registry>,
    peer: Peer,
    topic: Name,
    ticket: u64,
}

impl PendingJoin {
    pub(super) fn begin(registry: Arc<Registry>, peer: &Peer, topic: &str) -> Result<Self, GroupError> {
        let (topic, limit) = (Name::new(topic)?, peer.limits().max_groups);
        let ticket = registry.with_peer(peer, |it| it.begin_join(peer.id(), &topic, limit))?;
        Ok(Self { registry, peer: peer.plain(), topic, ticket })
    }

    /// Makes the peer a member. Returns the serial of its join; `None` if it has left the topic meanwhile.
    pub(crate) fn complete(self) -> Result<Option<u64>, GroupError> {
        let (id, limit) = (self.peer.id(), self.peer.limits().max_groups);
        self.registry.with_peer(&self.peer, |it| it.complete_join(id, &self.topic, self.ticket, limit))
    }
}

impl Drop for PendingJoin {
    fn drop(&mut self) {
        self.registry.with(|it| it.abandon_join(self.peer.id(), &self.topic, self.ticket));
    }
}

/// The params of `rpc.left`.
#[derive(Serialize)]
struct LeftTopic<'a> {
    topic: &'a str,
    serial: u64,
    code: i64,
    message: &'a str,
}

/// Removes a peer from a group. If it has joined the group as a topic, it is told so.
pub(super) fn end(registry: &Registry, peer: &Peer, topic: &Name, reason: &ErrorObject) -> Left {
    let left = registry.leave(peer.id(), topic, By::Server);
    if let Some(serial) = left.topic {
        let (topic, code, message) = (topic.as_str(), reason.code(), beginning(reason.message()));
        // It always serialises.
        if let Ok(told) = EncodedNotification::new(LEFT, LeftTopic { topic, serial, code, message }) {
            peer.tell(&told);
        }
    }
    left
}

/// The first thousand characters, so that the message cannot exceed a limit of the peer.
fn beginning(message: &str) -> &str {
    message.char_indices().nth(1000).map_or(message, |(end, _)| &message[..end])
}
