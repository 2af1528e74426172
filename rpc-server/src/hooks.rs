//! What the application wants to know of connections.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use birpc_core::{CloseReason, Peer};

type OnConnect = dyn Fn(Peer) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;
type OnDisconnect = dyn Fn(&Peer, &CloseReason) + Send + Sync;

#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) connect: Option<Arc<OnConnect>>,
    pub(crate) disconnect: Option<Arc<OnDisconnect>>,
}

impl Hooks {
    /// Runs the connect hook up to its first await, so that what it sets up is there when the first
    /// message comes, and the rest of it beside the connection.
    pub(crate) fn connected(&self, peer: &Peer) {
        let Some(hook) = &self.connect else { return };
        let mut hook = hook(peer.clone());
        if hook.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            tokio::spawn(hook);
        }
    }

    pub(crate) fn disconnected(&self, peer: &Peer, reason: &CloseReason) {
        if let Some(hook) = &self.disconnect {
            hook(peer, reason);
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("connect", &self.connect.is_some())
            .field("disconnect", &self.disconnect.is_some())
            .finish()
    }
}
