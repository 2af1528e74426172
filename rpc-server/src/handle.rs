//! A handle on a running server.

use birpc_core::Peer;
use tokio::sync::watch;

use crate::peers::Peers;

/// A handle on a server: who is connected, and the way to stop it. A cheap clone.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    peers: Peers,
    stop: watch::Sender<bool>,
}

impl ServerHandle {
    pub(crate) fn new() -> Self {
        Self { peers: Peers::default(), stop: watch::Sender::new(false) }
    }

    /// The peers that are connected.
    #[must_use]
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// The peer with that [`Peer::id`].
    #[must_use]
    pub fn peer(&self, id: u64) -> Option<Peer> {
        self.peers.get(id)
    }

    /// Stops the server: nothing more is accepted, and every connection closes with 1001. Calls in flight
    /// end when the close goes out. [`crate::Server::serve`] returns when all have closed. What is queued goes
    /// out first and the peer is waited for, both within [`birpc_core::Limits::close_timeout`]. A mounted
    /// [`crate::Acceptor`] answers with 503 from then on; the HTTP server that it is mounted in runs on.
    pub fn stop(&self) {
        self.stop.send_replace(true);
        self.peers.list().iter().for_each(Self::dismiss);
    }

    /// Closes one connection because the server stops.
    pub(crate) fn dismiss(peer: &Peer) {
        // It cannot be refused: the code may be sent and the reason is short.
        let _ = peer.close(1001, "the server stops");
    }

    /// Whether [`ServerHandle::stop`] has been called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits until [`ServerHandle::stop`] is called.
    pub(crate) async fn stopped(&self) {
        // It cannot fail: this handle holds a sender itself.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }
}
