//! The envelope in which messages travel between servers. Binary; the text of a message is at its end, so
//! that a receiver hands it on without a copy.
//!
//! ```text
//! version 1 · flags 1 (bit 0: signed) · [signature 32] · node 16 · seq 8 · prev 8 · topic · kind 1 · fields
//! ```
//!
//! Numbers are big-endian. A topic is a byte (0 all, 1 group, 2 user, 3 node), followed by the length of the
//! name in two bytes and the name, or by the 16 bytes of the node. The topic is in the envelope, although the
//! engine says it too: engines hash names, and a signature must also hold a message to its topic.
//!
//! The signature is HMAC-SHA-256 over everything except itself. What does not parse, verify or fit the
//! version is an error, which ends nothing; the receiver counts it.

mod call_words;
mod fields;
mod key;
mod life_words;
mod message;
#[cfg(test)]
mod model;
mod presence_words;
mod remote_peer;
mod send_words;
mod target;

use bytes::Bytes;

use crate::node_id::NodeId;
use crate::sequences::Numbers;
use crate::topic::Topic;
use fields::{Malformed, Reader, Writer};
use key::SIGNATURE;
use target::{decode_topic, encode_topic};

pub(crate) use call_words::{CallWord, Request};
pub(crate) use key::Key;
pub(crate) use life_words::{Heartbeat, LifeWord};
pub(crate) use message::Message;
pub(crate) use presence_words::{EntryKey, MAX_ENTRY, PresenceWord};
pub(crate) use remote_peer::RemotePeer;
pub(crate) use send_words::SendWord;
pub(crate) use target::{target_of, topic_of};

/// The version of this code. The one before is understood too, so that servers can be updated one by one.
/// There was none before the first.
const VERSION: u8 = 1;

/// The maximum size of an envelope around the text of a notification without exceptions, in bytes.
pub(crate) const MAX_ENVELOPE: usize = 330;

/// The bytes before the signature.
const PREFIX: usize = 2;

const SIGNED: u8 = 1;

/// A message with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// The server that has published it.
    pub(crate) node: NodeId,
    pub(crate) numbers: Numbers,
    pub(crate) topic: Topic,
    /// Whether the version is one that this code understands. If not, the message is a heartbeat.
    pub(crate) is_understood: bool,
    pub(crate) message: Message,
}

/// Why a message is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadEnvelope {
    /// It does not have the form of an envelope.
    Malformed,
    /// It is of a version that this code does not understand.
    Version,
    /// It is not signed with the key, or it is signed and there is no key.
    Unverified,
}

impl From<Malformed> for BadEnvelope {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl Envelope {
    /// Writes a message of this server.
    pub(crate) fn encode(
        node: NodeId,
        numbers: Numbers,
        topic: &Topic,
        message: &Message,
        key: Option<&Key>,
    ) -> Bytes {
        let mut writer = Writer::with_capacity(MAX_ENVELOPE + text_size(message));
        writer.u8(VERSION);
        writer.u8(if key.is_some() { SIGNED } else { 0 });
        if key.is_some() {
            writer.rest(&[0; SIGNATURE]);
        }
        writer.node(node);
        writer.u64(numbers.seq);
        writer.u64(numbers.prev);
        encode_topic(topic, &mut writer);
        message.encode(&mut writer);
        let mut bytes = writer.finish();
        if let Some(key) = key {
            let signature = key.sign([&bytes[..PREFIX], &bytes[PREFIX + SIGNATURE..]]);
            bytes[PREFIX..PREFIX + SIGNATURE].copy_from_slice(&signature);
        }
        bytes.into()
    }

    /// Reads what was received. A text in it shares the memory of `bytes`.
    ///
    /// # Errors
    /// [`BadEnvelope`]; it must be dropped.
    pub(crate) fn decode(bytes: &Bytes, key: Option<&Key>) -> Result<Self, BadEnvelope> {
        let mut reader = Reader::new(bytes.clone());
        let (version, flags) = (reader.u8()?, reader.u8()?);
        match (flags, key) {
            (SIGNED, Some(key)) if bytes.len() >= PREFIX + SIGNATURE => {
                let (signature, rest) = bytes[PREFIX..].split_at(SIGNATURE);
                if !key.verify([&bytes[..PREFIX], rest], signature) {
                    return Err(BadEnvelope::Unverified);
                }
                reader = Reader::new(bytes.slice(PREFIX + SIGNATURE..));
            }
            (0, None) => {}
            (0 | SIGNED, _) => return Err(BadEnvelope::Unverified),
            _ => return Err(BadEnvelope::Malformed),
        }
        let node = reader.node()?;
        let numbers = Numbers { seq: reader.u64()?, prev: reader.u64()? };
        let topic = decode_topic(&mut reader)?;
        let is_understood = version == VERSION;
        let message = match is_understood {
            true => Message::decode(&mut reader)?,
            false => Message::decode_heartbeat(&mut reader).map_err(|_| BadEnvelope::Version)?,
        };
        Ok(Self { node, numbers, topic, is_understood, message })
    }
}

/// The size of the text in a message, so that its memory is reserved at once.
fn text_size(message: &Message) -> usize {
    match message {
        Message::Send(SendWord::Notification { text, .. } | SendWord::Notify { text, .. }) => text.len(),
        Message::Call(CallWord::Call { request, .. } | CallWord::Ask { request, .. }) => request.text.len(),
        Message::Call(CallWord::Reply { outcome, .. } | CallWord::Answer { outcome, .. }) => outcome.len(),
        _ => 0,
    }
}
