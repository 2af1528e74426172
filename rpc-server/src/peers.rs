//! The peers that are connected right now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use birpc_core::{CallError, Limits, Notify, Peer, PeerId};

/// The peers that are connected right now. A cheap clone; bounded by
/// [`birpc_core::Limits::max_connections`].
#[derive(Clone, Debug, Default)]
pub struct Peers {
    peers: Arc<Mutex<HashMap<PeerId, Peer>>>,
    /// The server's limit, once it is known.
    max_message_out: Arc<OnceLock<usize>>,
}

impl Peers {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether nobody is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// All of them, in no order. Each can be called, notified and closed.
    #[must_use]
    pub fn list(&self) -> Vec<Peer> {
        self.lock().values().cloned().collect()
    }

    /// The one with that [`Peer::id`].
    #[must_use]
    pub fn get(&self, id: PeerId) -> Option<Peer> {
        self.lock().get(&id).cloned()
    }

    /// Sends one notification to all, encoded once, and gives the number of peers whose queue took it. It
    /// never waits: with a peer that does not read, so that its queue is full, it does as
    /// [`birpc_core::WhenFull`] says, which is that the peer misses this one
    /// ([`crate::ServerBuilder::when_full`], [`Peer::set_when_full`]).
    ///
    /// ```
    /// use birpc_core::{CallError, Peer};
    ///
    /// # fn example(peers: birpc_server::Peers) -> Result<(), CallError> {
    /// // With a stub: `peers.broadcast(|user: &UserClient| user.said("hello".into()))`.
    /// let heard = peers.broadcast(|peer: &Peer| peer.notify("user.said", ["hello"]))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`CallError::Unsendable`] if the params do not serialise or are over the limit; nothing was sent.
    pub fn broadcast<S: From<Peer>>(
        &self,
        notification: impl FnOnce(&S) -> Notify,
    ) -> Result<usize, CallError> {
        let stub = S::from(Peer::unconnected());
        self.send(notification(&stub))
    }

    /// [`Peers::broadcast`] by wire name.
    ///
    /// # Errors
    /// As [`Peers::broadcast`].
    pub fn notify(&self, method: &str, params: impl serde::Serialize) -> Result<usize, CallError> {
        self.send(Peer::unconnected().notify(method, params))
    }

    fn send(&self, notification: Notify) -> Result<usize, CallError> {
        let text = notification.into_text()?;
        let limit = self.max_message_out.get().copied().unwrap_or(usize::MAX);
        if text.len() > limit {
            let size = text.len();
            let why = format!("the message has {size} bytes, over the limit of {limit}");
            return Err(CallError::Unsendable(why.into()));
        }
        let peers = self.list();
        Ok(peers.iter().filter(|peer| peer.try_send(text.clone())).count())
    }

    /// Bounds what is broadcast.
    pub(crate) fn set_limits(&self, limits: &Limits) {
        self.max_message_out.get_or_init(|| limits.max_message_out);
    }

    /// Enters a peer until the guard is dropped.
    pub(crate) fn enter(&self, peer: Peer) -> Present {
        self.lock().insert(peer.id(), peer.clone());
        Present { peers: self.clone(), peer }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PeerId, Peer>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A peer's place in the list.
pub(crate) struct Present {
    peers: Peers,
    peer: Peer,
}

impl Drop for Present {
    fn drop(&mut self) {
        self.peers.lock().remove(&self.peer.id());
    }
}
