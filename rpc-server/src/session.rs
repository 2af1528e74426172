//! One connection after its handshake, to its end.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use birpc_core::transport::{Role, Transport, WebSocket};
use birpc_core::{Connection, ConnectionInfo};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::acceptor::{Admitted, Shared};
use crate::handle::ServerHandle;

/// A connection that was accepted: run it, or take its frames.
#[must_use = "a session does nothing until it is run"]
pub struct Session {
    shared: Arc<Shared>,
    admitted: Admitted,
    upgrade: OnUpgrade,
    remote: Option<SocketAddr>,
}

impl Session {
    pub(crate) fn new(
        shared: Arc<Shared>,
        admitted: Admitted,
        upgrade: OnUpgrade,
        remote: Option<SocketAddr>,
    ) -> Self {
        Self { shared, admitted, upgrade, remote }
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.admitted.agreed.subprotocol.as_deref()
    }

    /// Serves the connection until it ends.
    pub async fn run(self) {
        let Some(upgraded) = upgraded(self.upgrade, self.remote).await else { return };
        let session = Running { shared: self.shared, admitted: self.admitted, remote: self.remote };
        // The stream itself where it is known: a layer less, and less memory, for each connection.
        let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => return session.run(parts.io.into_inner(), parts.read_buf.to_vec()).await,
            Err(upgraded) => upgraded,
        };
        #[cfg(feature = "tls")]
        let upgraded = match upgraded.downcast::<TokioIo<crate::tls::Stream>>() {
            Ok(parts) => return session.run(parts.io.into_inner(), parts.read_buf.to_vec()).await,
            Err(upgraded) => upgraded,
        };
        session.run(TokioIo::new(upgraded), Vec::new()).await;
    }

    /// The frames themselves, without JSON-RPC: for other protocols over the same handshake. `None` if
    /// the connection was cut before the response was sent.
    pub async fn into_transport(self) -> Option<impl Transport + use<>> {
        let limits = self.shared.config.limits.clone();
        let upgraded = upgraded(self.upgrade, self.remote).await?;
        Some(WebSocket::new(TokioIo::new(upgraded), Vec::new(), Role::Server, &limits).await)
    }
}

async fn upgraded(upgrade: OnUpgrade, remote: Option<SocketAddr>) -> Option<Upgraded> {
    match upgrade.await {
        Ok(upgraded) => Some(upgraded),
        Err(error) => {
            tracing::debug!(?remote, %error, "the connection did not become a WebSocket");
            None
        }
    }
}

/// A session whose stream is there.
struct Running {
    shared: Arc<Shared>,
    admitted: Admitted,
    remote: Option<SocketAddr>,
}

impl Running {
    async fn run<S>(self, stream: S, read: Vec<u8>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (shared, admitted) = (self.shared, self.admitted);
        let transport = WebSocket::new(stream, read, Role::Server, &shared.config.limits).await;
        let mut info = ConnectionInfo::default();
        info.remote = self.remote;
        info.subprotocol = admitted.agreed.subprotocol;
        info.origin = admitted.agreed.origin;
        let (peer, connection) = Connection::new(transport, shared.config.clone(), info);
        admitted.grant.apply(&peer);
        let connection = connection.serve((shared.router)(&peer));
        tracing::debug!(connection = peer.id(), remote = ?self.remote, "connected");

        let present = shared.handle.peers().enter(peer.clone());
        shared.hooks.connected(&peer);
        if shared.handle.is_stopped() {
            // It came between the list's last look and this one.
            ServerHandle::dismiss(&peer);
        }
        tokio::pin!(connection);
        let reason = connection.as_mut().await;
        drop(present);
        drop(admitted.slot);
        tracing::debug!(connection = peer.id(), %reason, "disconnected");
        shared.hooks.disconnected(&peer, &reason);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("remote", &self.remote).finish_non_exhaustive()
    }
}
