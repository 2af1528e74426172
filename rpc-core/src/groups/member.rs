//! One peer, found by its global id.

use crate::peer::Peer;

/// A peer that is found by its [`crate::GlobalId`]. See [`crate::Groups::member`].
///
/// If it is connected to another server, its handle calls and notifies it as if it were connected to this
/// one: with timeouts, layers and cancels. A call without a timeout has one of 60 s. Streams, progress,
/// batches and
/// [`Peer::try_notify`] do not cross servers, and return [`crate::CallError::Unsendable`]. Apart from
/// [`Peer::global_id`], nothing else of the connection is known here: the handle looks like that of a
/// connection that has ended, it has no values, it cannot join groups, and closing it has no effect.
/// [`crate::Audience::close`] closes the connections of a user on all servers.
#[derive(Clone, Debug)]
#[must_use = "a member does nothing until it is called"]
pub struct Member {
    peer: Peer,
}

impl Member {
    pub(super) fn new(peer: Peer) -> Self {
        Self { peer }
    }

    /// A typed stub for the peer, or its [`Peer`] for calls by method name.
    ///
    /// ```
    /// # use birpc_core::{CallError, Context, GlobalId, Peer};
    /// # async fn example(cx: &Context, id: GlobalId) -> Result<(), CallError> {
    /// // With a stub: `client::<UserClient>().confirm("delete it?".into())`.
    /// let peer = cx.groups().member(id).client::<Peer>();
    /// let confirmed: bool = peer.call("user.confirm", ["delete it?"]).await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn client<S: From<Peer>>(&self) -> S {
        S::from(self.peer.clone())
    }
}
