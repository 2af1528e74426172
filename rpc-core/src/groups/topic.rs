//! The end of a membership that may be one of a topic.

use serde::Serialize;

use super::membership::{By, Left};
use super::name::Name;
use super::registry::Registry;
use crate::message::{ErrorObject, LEFT};
use crate::peer::{EncodedNotification, Peer};

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
