//! What servers say of themselves.

use super::fields::{Malformed, Reader, Writer};
use crate::node_id::NodeId;

/// A message about the servers themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LifeWord {
    /// A server has come, or reaches the engine again. To all.
    Hello(Heartbeat),
    /// The answer: who is alive, as the server that answers knows it.
    Welcome {
        /// The state of the server that answers.
        heartbeat: Heartbeat,
        /// The other servers, at most as many as fit.
        nodes: Vec<NodeId>,
    },
    /// A server is alive. To all. Its form is the same in each version.
    Heartbeat(Heartbeat),
    /// A server begins to shut down. To all.
    Leaving,
    /// A server ends. To all.
    Bye,
    /// To be answered at once. To all.
    Barrier { number: u64 },
    /// The answer.
    Passed { number: u64 },
}

/// The state of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    pub(crate) name: String,
    /// The number of its connections.
    pub(crate) load: u32,
    pub(crate) is_leaving: bool,
    /// The version of its presence entries.
    pub(crate) presence: u64,
    /// The numbers of its last messages to other servers, so that these notice if the last one was lost.
    pub(crate) last: Vec<(NodeId, u64)>,
}

impl LifeWord {
    pub(super) const HEARTBEAT: u8 = 0x02;

    pub(super) fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Hello(heartbeat) => {
                writer.u8(0x00);
                heartbeat.encode(writer);
            }
            Self::Welcome { heartbeat, nodes } => {
                writer.u8(0x01);
                heartbeat.encode(writer);
                writer.list(nodes, |writer, node| writer.node(*node));
            }
            Self::Heartbeat(heartbeat) => {
                writer.u8(Self::HEARTBEAT);
                heartbeat.encode(writer);
            }
            Self::Leaving => writer.u8(0x03),
            Self::Bye => writer.u8(0x04),
            Self::Barrier { number } => {
                writer.u8(0x05);
                writer.u64(*number);
            }
            Self::Passed { number } => {
                writer.u8(0x06);
                writer.u64(*number);
            }
        }
    }

    pub(super) fn decode(kind: u8, reader: &mut Reader) -> Result<Self, Malformed> {
        let word = match kind {
            0x00 => Self::Hello(Heartbeat::decode(reader)?),
            0x01 => {
                let heartbeat = Heartbeat::decode(reader)?;
                Self::Welcome { heartbeat, nodes: reader.list(16, Reader::node)? }
            }
            Self::HEARTBEAT => Self::Heartbeat(Heartbeat::decode(reader)?),
            0x03 => Self::Leaving,
            0x04 => Self::Bye,
            0x05 => Self::Barrier { number: reader.u64()? },
            0x06 => Self::Passed { number: reader.u64()? },
            _ => return Err(Malformed),
        };
        Ok(word)
    }
}

impl Heartbeat {
    fn encode(&self, writer: &mut Writer) {
        writer.short(&self.name);
        writer.u32(self.load);
        writer.u8(self.is_leaving.into());
        writer.u64(self.presence);
        writer.list(&self.last, |writer, (node, seq)| {
            writer.node(*node);
            writer.u64(*seq);
        });
    }

    fn decode(reader: &mut Reader) -> Result<Self, Malformed> {
        Ok(Self {
            name: reader.name()?,
            load: reader.u32()?,
            is_leaving: reader.bool()?,
            presence: reader.u64()?,
            last: reader.list(24, |reader| Ok((reader.node()?, reader.u64()?)))?,
        })
    }
}
