//! The peers that something is for, and the topics on which it travels.

use birpc_core::__private::crates::cluster::Target;

use super::fields::{Malformed, Reader, Writer};
use crate::topic::Topic;

/// The topic to which messages for a target are published.
pub(crate) fn topic_of(target: &Target) -> Topic {
    match target {
        Target::All => Topic::All,
        Target::Group(name) => Topic::Group(name.clone()),
        Target::User(name) => Topic::User(name.clone()),
    }
}

/// The target of a topic; `None` for that of one server.
pub(crate) fn target_of(topic: &Topic) -> Option<Target> {
    match topic {
        Topic::All => Some(Target::All),
        Topic::Group(name) => Some(Target::Group(name.clone())),
        Topic::User(name) => Some(Target::User(name.clone())),
        Topic::Node(_) => None,
    }
}

pub(super) fn encode_target(target: &Target, writer: &mut Writer) {
    encode_topic(&topic_of(target), writer);
}

pub(super) fn decode_target(reader: &mut Reader) -> Result<Target, Malformed> {
    target_of(&decode_topic(reader)?).ok_or(Malformed)
}

pub(super) fn encode_topic(topic: &Topic, writer: &mut Writer) {
    match topic {
        Topic::All => writer.u8(0),
        Topic::Group(name) => {
            writer.u8(1);
            writer.short(name);
        }
        Topic::User(name) => {
            writer.u8(2);
            writer.short(name);
        }
        Topic::Node(node) => {
            writer.u8(3);
            writer.node(*node);
        }
    }
}

pub(super) fn decode_topic(reader: &mut Reader) -> Result<Topic, Malformed> {
    match reader.u8()? {
        0 => Ok(Topic::All),
        1 => reader.name().map(|name| Topic::Group(name.into())),
        2 => reader.name().map(|name| Topic::User(name.into())),
        3 => reader.node().map(Topic::Node),
        _ => Err(Malformed),
    }
}
