//! What servers send to each other's peers without an answer.

use bytes::Bytes;

use super::fields::{Malformed, Reader, Writer};
use super::remote_peer::RemotePeer;

/// A message for peers, without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SendWord {
    /// A notification for the peers of the envelope's topic, except some. The text is the message as it is
    /// handed to them.
    Notification { except: Vec<RemotePeer>, text: Bytes },
    /// The connections of the peers of the envelope's topic are to be closed, except some.
    Close { except: Vec<RemotePeer>, code: u16, reason: String },
    /// A notification for one peer.
    Notify { peer: u64, text: Bytes },
}

impl SendWord {
    pub(super) fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Notification { except, text } => {
                writer.u8(0x10);
                writer.list(except, |writer, peer| peer.encode(writer));
                writer.rest(text);
            }
            Self::Close { except, code, reason } => {
                writer.u8(0x11);
                writer.list(except, |writer, peer| peer.encode(writer));
                writer.u16(*code);
                writer.short(reason);
            }
            Self::Notify { peer, text } => {
                writer.u8(0x12);
                writer.u64(*peer);
                writer.rest(text);
            }
        }
    }

    pub(super) fn decode(kind: u8, reader: &mut Reader) -> Result<Self, Malformed> {
        let word = match kind {
            0x10 => {
                let except = reader.list(RemotePeer::SIZE, RemotePeer::decode)?;
                Self::Notification { except, text: reader.text()? }
            }
            0x11 => {
                let except = reader.list(RemotePeer::SIZE, RemotePeer::decode)?;
                Self::Close { except, code: reader.u16()?, reason: reader.short()? }
            }
            0x12 => Self::Notify { peer: reader.u64()?, text: reader.text()? },
            _ => return Err(Malformed),
        };
        Ok(word)
    }
}
