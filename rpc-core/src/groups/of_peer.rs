//! What a peer knows of its groups.

use super::Groups;
use super::global_id::{GlobalId, global_id};
use crate::peer::Peer;

impl Peer {
    /// The groups of the server that this connection belongs to. Without a `Server`, they are those of all
    /// connections with the same `Arc<Config>`.
    #[must_use]
    pub fn groups(&self) -> Groups {
        Groups::of_config(self.config())
    }

    /// Identifies this connection among those of all servers.
    #[must_use]
    pub fn global_id(&self) -> GlobalId {
        match self.place() {
            Some((node, peer)) => global_id(node, peer),
            None => self.groups().registry().global_id(self.id()),
        }
    }
}
