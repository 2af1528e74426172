//! What servers say to each other.

use super::call_words::CallWord;
use super::fields::{Malformed, Reader, Writer};
use super::life_words::LifeWord;
use super::presence_words::PresenceWord;
use super::send_words::SendWord;

/// A message to other servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// About the servers themselves.
    Life(LifeWord),
    /// For peers, without an answer.
    Send(SendWord),
    /// About calls to peers.
    Call(CallWord),
    /// About presence.
    Presence(PresenceWord),
}

impl Message {
    pub(super) fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Life(word) => word.encode(writer),
            Self::Send(word) => word.encode(writer),
            Self::Call(word) => word.encode(writer),
            Self::Presence(word) => word.encode(writer),
        }
    }

    /// Reads a message of this version.
    pub(super) fn decode(reader: &mut Reader) -> Result<Self, Malformed> {
        let kind = reader.u8()?;
        let message = match kind {
            0x00..=0x0f => Self::Life(LifeWord::decode(kind, reader)?),
            0x10..=0x1f => Self::Send(SendWord::decode(kind, reader)?),
            0x20..=0x2f => Self::Call(CallWord::decode(kind, reader)?),
            0x30..=0x3f => Self::Presence(PresenceWord::decode(kind, reader)?),
            _ => return Err(Malformed),
        };
        // A heartbeat of a later version may have more fields.
        match &message {
            Self::Life(LifeWord::Heartbeat(_)) => {}
            _ => reader.end()?,
        }
        Ok(message)
    }

    /// Reads a message of an unknown version: only heartbeats have the same form in each.
    pub(super) fn decode_heartbeat(reader: &mut Reader) -> Result<Self, Malformed> {
        match reader.u8()? {
            kind @ LifeWord::HEARTBEAT => Ok(Self::Life(LifeWord::decode(kind, reader)?)),
            _ => Err(Malformed),
        }
    }
}
