//! One peer, found by its global id.

use crate::peer::Peer;

/// A peer that is found by its [`crate::GlobalId`]. See [`crate::Groups::member`].
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
