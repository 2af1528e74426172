//! What has become of something that was sent to many peers.

use serde::Serialize;

/// How many peers a notification was queued for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// The number of peers of this server whose queues have taken it, which promises what `notify` does.
    pub local: usize,
    /// The number of peers of this server that miss it, because their queues are full.
    pub missed: usize,
    /// Whether it was passed on to other servers.
    pub remote: Remote,
}

/// The result of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Joined {
    /// Whether other servers know of it: what they send reaches the peer.
    pub remote: Remote,
}

/// Whether other servers were reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Remote {
    /// There are no other servers.
    None,
    /// It was passed to the engine that connects the servers, which does not say who gets it.
    Published,
    /// The engine cannot be reached, or is overloaded. The peers of other servers are not reached.
    Unreachable,
}
