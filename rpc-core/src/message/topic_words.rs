//! The names of the methods with which a peer joins and leaves topics.

/// The request that joins a topic.
pub(crate) const JOIN: &str = "rpc.join";

/// The request that leaves a topic.
pub(crate) const LEAVE: &str = "rpc.leave";

/// The notification that a topic has ended. It takes no credit, as all notifications whose names begin with
/// `rpc.`; unlike the others, it is passed to the application.
pub(crate) const LEFT: &str = "rpc.left";
