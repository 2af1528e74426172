//! The connected peers of a server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use birpc_core::__private::crates::{AllPeers, unconnected_peer};
use birpc_core::{CallError, EncodedNotification, Limits, Notify, Peer, PeerId};

/// The connected peers of a server, at most [`birpc_core::Limits::max_connections`]. A clone is cheap.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    peers: Arc<Mutex<HashMap<PeerId, Peer>>>,
    /// The server's limit, once it is set.
    max_message_out: Arc<OnceLock<usize>>,
}

impl Peers {
    /// The number of connected peers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether no peer is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// All connected peers, in no particular order. Each can be called, notified and closed.
    #[must_use]
    pub fn list(&self) -> Vec<Peer> {
        self.lock().values().cloned().collect()
    }

    /// The peer with this [`Peer::id`].
    #[must_use]
    pub fn get(&self, id: PeerId) -> Option<Peer> {
        self.lock().get(&id).cloned()
    }

    /// Sends a notification to all peers. It is encoded once. Returns the number of peers whose queue has
    /// taken it. A broadcast never waits: if a peer's queue is full because the peer does not read,
    /// [`birpc_core::WhenFull`] decides; by default that peer does not get the message
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
    /// # Errors
    /// [`CallError::Unsendable`] if the params do not serialise or exceed the limit. Nothing was sent.
    pub fn broadcast<S: From<Peer>>(
        &self,
        notification: impl FnOnce(&S) -> Notify,
    ) -> Result<usize, CallError> {
        let stub = S::from(unconnected_peer());
        self.send(&notification(&stub).encode()?)
    }

    /// [`Peers::broadcast`] by wire name.
    ///
    /// # Errors
    /// As for [`Peers::broadcast`].
    pub fn notify(&self, method: &str, params: impl serde::Serialize) -> Result<usize, CallError> {
        self.send(&EncodedNotification::new(method, params)?)
    }

    fn send(&self, notification: &EncodedNotification) -> Result<usize, CallError> {
        let limit = self.max_message_out.get().copied().unwrap_or(usize::MAX);
        let size = notification.size();
        if size > limit {
            let why = format!("the message has {size} bytes, over the limit of {limit}");
            return Err(CallError::Unsendable(why.into()));
        }
        let peers = self.list();
        Ok(peers.iter().filter(|peer| matches!(peer.try_notify(notification), Ok(true))).count())
    }

    /// Sets the limit on the size of broadcasts.
    pub(crate) fn set_limits(&self, limits: &Limits) {
        self.max_message_out.get_or_init(|| limits.max_message_out);
    }

    /// Adds a peer until the guard is dropped.
    pub(crate) fn enter(&self, peer: Peer) -> Present {
        self.lock().insert(peer.id(), peer.clone());
        Present { peers: self.clone(), peer }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PeerId, Peer>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The list, as the groups of the server use it.
pub(crate) struct Connected(pub(crate) Peers);

impl AllPeers for Connected {
    fn list(&self) -> Vec<Peer> {
        self.0.list()
    }

    fn get(&self, id: PeerId) -> Option<Peer> {
        self.0.get(id)
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

/// A peer's entry in the list.
pub(crate) struct Present {
    peers: Peers,
    peer: Peer,
}

impl Drop for Present {
    fn drop(&mut self) {
        self.peers.lock().remove(&self.peer.id());
    }
}
