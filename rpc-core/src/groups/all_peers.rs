//! The list of a server's connections.

use crate::peer::{Peer, PeerId};

/// All connections of a server, which has its own list of them.
pub trait AllPeers: Send + Sync {
    /// The connections.
    fn list(&self) -> Vec<Peer>;
    /// The connection with this id.
    fn get(&self, id: PeerId) -> Option<Peer>;
    /// The number of connections.
    fn count(&self) -> usize;
}
