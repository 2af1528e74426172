//! What messages of an engine are about.

use std::sync::Arc;

use crate::node_id::NodeId;

/// What a message of the engine is about; servers subscribe to the topics that they need. An engine maps
/// topics to its own names, such as the subjects of NATS. The names of groups and users may contain any
/// character, so an engine hashes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Topic {
    /// All servers.
    All,
    /// The servers with members of this group.
    Group(Arc<str>),
    /// The servers to which this user is connected.
    User(Arc<str>),
    /// One server.
    Node(NodeId),
}
