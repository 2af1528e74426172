//! What servers say about the presence of their peers.

use std::sync::Arc;

use bytes::Bytes;

use super::fields::{Malformed, Reader, Writer};
use crate::presence::{Delta, Piece};

/// A message about presence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PresenceWord {
    /// An entry has changed. To all.
    Delta(Delta<EntryKey, Bytes>),
    /// All entries are wanted.
    Request,
    /// A part of the answer.
    Piece(Piece<EntryKey, Bytes>),
}

/// Identifies a presence entry of a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EntryKey {
    pub(crate) group: Arc<str>,
    pub(crate) key: Arc<str>,
    /// The peer that is present.
    pub(crate) peer: u64,
}

/// The maximum length of a meta, in bytes of JSON.
pub(crate) const MAX_META: usize = 1024;

/// The maximum size of an entry in an envelope, in bytes.
pub(crate) const MAX_ENTRY: usize = 2 * (2 + 256) + 8 + 2 + MAX_META;

/// The minimum size.
const MIN_ENTRY: usize = 2 * (2 + 1) + 8 + 2 + 1;

impl PresenceWord {
    pub(super) fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Delta(delta) => {
                writer.u8(0x30);
                writer.u64(delta.version);
                delta.key.encode(writer);
                writer.u8(delta.meta.is_some().into());
                if let Some(meta) = &delta.meta {
                    encode_meta(meta, writer);
                }
            }
            Self::Request => writer.u8(0x31),
            Self::Piece(piece) => {
                writer.u8(0x32);
                writer.u64(piece.version);
                writer.u32(piece.index);
                writer.u8(piece.is_last.into());
                writer.list(&piece.entries, |writer, (key, meta)| {
                    key.encode(writer);
                    encode_meta(meta, writer);
                });
            }
        }
    }

    pub(super) fn decode(kind: u8, reader: &mut Reader) -> Result<Self, Malformed> {
        let word = match kind {
            0x30 => {
                let (version, key) = (reader.u64()?, EntryKey::decode(reader)?);
                let meta = if reader.bool()? { Some(decode_meta(reader)?) } else { None };
                Self::Delta(Delta { version, key, meta })
            }
            0x31 => Self::Request,
            0x32 => {
                let (version, index, is_last) = (reader.u64()?, reader.u32()?, reader.bool()?);
                let entry = |reader: &mut Reader| Ok((EntryKey::decode(reader)?, decode_meta(reader)?));
                Self::Piece(Piece { version, index, is_last, entries: reader.list(MIN_ENTRY, entry)? })
            }
            _ => return Err(Malformed),
        };
        Ok(word)
    }
}

fn encode_meta(meta: &Bytes, writer: &mut Writer) {
    // It is JSON, and so UTF-8.
    writer.short(std::str::from_utf8(meta).unwrap_or("null"));
}

/// Copied, so that an entry does not hold the memory of the whole message.
fn decode_meta(reader: &mut Reader) -> Result<Bytes, Malformed> {
    let meta = reader.short()?;
    if (1..=MAX_META).contains(&meta.len()) { Ok(meta.into()) } else { Err(Malformed) }
}

impl EntryKey {
    fn encode(&self, writer: &mut Writer) {
        writer.short(&self.group);
        writer.short(&self.key);
        writer.u64(self.peer);
    }

    fn decode(reader: &mut Reader) -> Result<Self, Malformed> {
        Ok(Self { group: reader.name()?.into(), key: reader.name()?.into(), peer: reader.u64()? })
    }
}
