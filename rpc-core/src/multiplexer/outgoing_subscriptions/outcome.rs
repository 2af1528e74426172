//! The results of handling what the peer sends.

use super::Unsubscribe;

/// The result of handling a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Replied {
    /// The reply is not about a subscription.
    NotOurs,
    /// The call has subscribed, or was refused.
    Done,
    /// The result is not a valid id, for this reason.
    Invalid(&'static str),
}

/// The result of handling a notification.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<W> {
    /// The notification does not belong to a subscription.
    NotOurs,
    Ours(Option<W>, Option<Unsubscribe>),
}
