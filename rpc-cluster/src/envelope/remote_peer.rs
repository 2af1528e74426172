//! Identifies a peer among those of all servers.

use super::fields::{Malformed, Reader, Writer};
use crate::node_id::NodeId;

/// A peer of any server: the server, and the peer's number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RemotePeer {
    pub(crate) node: NodeId,
    pub(crate) peer: u64,
}

impl RemotePeer {
    /// The number of bytes.
    pub(crate) const SIZE: usize = 24;

    pub(super) fn encode(self, writer: &mut Writer) {
        writer.node(self.node);
        writer.u64(self.peer);
    }

    pub(super) fn decode(reader: &mut Reader) -> Result<Self, Malformed> {
        Ok(Self { node: reader.node()?, peer: reader.u64()? })
    }
}
