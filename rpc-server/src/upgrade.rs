//! An accepted request whose connection becomes a WebSocket, until that connection ends.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use birpc_core::__private::crates::{inspected_connection, leave_groups};
use birpc_core::transport::{self, Role, Transport, WebSocket};
use birpc_core::{CloseFrame, CloseReason, Connection, ConnectionInfo};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::handle::ServerHandle;
use crate::hooks::Grant;
use crate::shared::{Admitted, Shared};

/// An accepted request. Its connection becomes a WebSocket once the response has been sent. Serve the
/// connection with [`Upgrade::run`], or take its frames with [`Upgrade::run_transport`].
#[must_use = "an upgrade does nothing until it is run"]
pub struct Upgrade {
    shared: Arc<Shared>,
    admitted: Admitted,
    upgrade: OnUpgrade,
    remote: Option<SocketAddr>,
    alive: Option<Alive>,
}

/// Held by an upgrade until its connection has ended and the application's hook has run;
/// [`crate::Server::serve`] waits for that. If a handler blocks the connection's task, the task may live
/// longer.
pub(crate) type Alive = mpsc::Sender<Infallible>;

impl Upgrade {
    pub(crate) fn new(
        shared: Arc<Shared>,
        admitted: Admitted,
        upgrade: OnUpgrade,
        remote: Option<SocketAddr>,
    ) -> Self {
        Self { shared, admitted, upgrade, remote, alive: None }
    }

    pub(crate) fn keep(&mut self, alive: Alive) {
        self.alive = Some(alive);
    }

    /// The agreed subprotocol.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.admitted.agreed.subprotocol.as_deref()
    }

    /// What the handshake has told of the connection.
    pub(crate) fn info(&self) -> ConnectionInfo {
        info_of(&self.admitted, self.remote)
    }

    /// Serves the connection until it ends.
    pub async fn run(self) {
        self.boxed().await;
    }

    /// Passes the frames to `serve`, without JSON-RPC, for other protocols over the same handshake. The
    /// connection counts towards [`birpc_core::Limits::max_connections`] until the future ends. The future is
    /// dropped when the server shuts down. Of the hooks, only `authorize` has run, and the values that it
    /// granted are not used. Message size and fragments are limited; keepalive and all other limits of an
    /// open connection are up to `serve`. [`birpc_core::transport::close`] ends the transport.
    pub async fn run_transport<Fut>(self, serve: impl FnOnce(Box<dyn Transport>) -> Fut)
    where
        Fut: Future<Output = ()>,
    {
        let Some((stream, opened)) = self.open().await else { return };
        let limits = &opened.shared.config.limits;
        let transport: Box<dyn Transport> = match stream {
            Stream::Plain(stream, read) => Box::new(WebSocket::new(stream, read, Role::Server, limits)),
            #[cfg(feature = "tls")]
            Stream::Tls(stream, read) => Box::new(WebSocket::new(stream, read, Role::Server, limits)),
            Stream::Unknown(stream) => Box::new(WebSocket::new(stream, Vec::new(), Role::Server, limits)),
        };
        tokio::select! {
            () = serve(transport) => {}
            () = opened.shared.handle.stopped() => {}
        }
    }

    /// Boxed for the same reason as [`crate::Server`]'s future: so that its code is compiled here.
    fn boxed(self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.serve())
    }

    pub(crate) fn serve(self) -> impl Future<Output = ()> + Send {
        // Boxed, so that the task does not hold the upgrade's state for the connection's whole life.
        let beginning = Box::pin(self.begin());
        async move {
            let connection = beginning.await;
            if let Some(connection) = connection {
                connection.await;
            }
        }
    }

    /// Makes the connection, once its stream is available.
    async fn begin(self) -> Option<Pin<Box<dyn Future<Output = CloseReason> + Send>>> {
        let (stream, opened) = self.open().await?;
        Some(match stream {
            Stream::Plain(stream, read) => Box::pin(opened.connection(stream, read).await),
            #[cfg(feature = "tls")]
            Stream::Tls(stream, read) => Box::pin(opened.connection(stream, read).await),
            Stream::Unknown(stream) => Box::pin(opened.connection(stream, Vec::new()).await),
        })
    }

    /// The stream, once the response has been sent. `None` if the connection was cut before.
    async fn open(self) -> Option<(Stream, Opened)> {
        let Self { shared, admitted, upgrade, remote, alive } = self;
        let stream = Stream::of(upgraded(upgrade, remote).await?);
        Some((stream, Opened { shared, admitted, remote, alive }))
    }
}

/// A stream after its upgrade, with the bytes that were read after the request. If its type is known, it is
/// the stream itself, which saves a layer and memory for each connection.
enum Stream {
    Plain(TcpStream, Vec<u8>),
    #[cfg(feature = "tls")]
    Tls(Box<crate::tls::Stream>, Vec<u8>),
    Unknown(TokioIo<Upgraded>),
}

impl Stream {
    fn of(upgraded: Upgraded) -> Self {
        let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => return Self::Plain(parts.io.into_inner(), parts.read_buf.to_vec()),
            Err(upgraded) => upgraded,
        };
        #[cfg(feature = "tls")]
        let upgraded = match upgraded.downcast::<TokioIo<crate::tls::Stream>>() {
            Ok(parts) => return Self::Tls(Box::new(parts.io.into_inner()), parts.read_buf.to_vec()),
            Err(upgraded) => upgraded,
        };
        Self::Unknown(TokioIo::new(upgraded))
    }
}

async fn upgraded(upgrade: OnUpgrade, remote: Option<SocketAddr>) -> Option<Upgraded> {
    match upgrade.await {
        Ok(upgraded) => Some(upgraded),
        Err(error) => {
            let remote_addr = remote.map(tracing::field::display);
            tracing::debug!(remote_addr, %error, "the connection did not become a WebSocket");
            None
        }
    }
}

/// An upgrade whose stream is available.
struct Opened {
    shared: Arc<Shared>,
    admitted: Admitted,
    remote: Option<SocketAddr>,
    alive: Option<Alive>,
}

impl Opened {
    async fn connection<S>(self, stream: S, read: Vec<u8>) -> Connection<WebSocket<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { shared, admitted, remote, alive } = self;
        let transport = WebSocket::new(stream, read, Role::Server, &shared.config.limits);
        let info = info_of(&admitted, remote);
        connection_over(transport, info, admitted.grant, admitted.slot, alive, shared).await
    }
}

fn info_of(admitted: &Admitted, remote: Option<SocketAddr>) -> ConnectionInfo {
    let mut info = ConnectionInfo::default();
    info.remote_addr = remote;
    info.subprotocol.clone_from(&admitted.agreed.subprotocol);
    info.origin.clone_from(&admitted.agreed.origin);
    info
}

/// Creates a connection that belongs to an acceptor, once other servers know of its user.
async fn connection_over<T: Transport>(
    transport: T,
    info: ConnectionInfo,
    grant: Grant,
    slot: OwnedSemaphorePermit,
    alive: Option<Alive>,
    shared: Arc<Shared>,
) -> Connection<T> {
    let remote = info.remote_addr;
    let (config, limits) = (shared.config.clone(), shared.limits.clone());
    let (peer, connection) =
        inspected_connection(shared.handle.inspection(), transport, config, info, limits);
    let setting_user = grant.apply(&peer);
    // A handler may outlive its connection, and keeps the connection's slot.
    let mut connection = connection.serve((shared.router)(&peer)).holding(slot);
    tracing::debug!(
        connection = peer.id().get(),
        remote_addr = remote.map(tracing::field::display),
        "connected"
    );

    let present = shared.handle.peers().enter(peer.clone());
    if let Some(hook) = shared.hooks.connect.clone() {
        let peer = peer.clone();
        connection = connection.on_begin(async move { hook(peer).await });
    }
    if shared.handle.is_stopped() {
        // The connection was added after the shutdown had gone through the list.
        ServerHandle::dismiss(&peer);
    }
    let connection = connection.on_end(move |reason| {
        drop(present);
        leave_groups(&peer);
        tracing::debug!(connection = peer.id().get(), %reason, "disconnected");
        shared.hooks.disconnected(peer, reason, alive);
    });
    if let Some(setting_user) = setting_user {
        // The connection does not run meanwhile, so that no handler and no hook runs before.
        setting_user.await;
    }
    connection
}

/// Runs a connection over an existing transport, if the acceptor has room for it.
pub(crate) async fn run_adopted<T: Transport>(
    mut transport: T,
    info: ConnectionInfo,
    grant: Grant,
    shared: Arc<Shared>,
) {
    let refused = match shared.slots.clone().try_acquire_owned() {
        _ if shared.handle.is_stopped() => CloseFrame::new(1001, "the server is shutting down"),
        Ok(slot) => {
            Box::pin(connection_over(transport, info, grant, slot, None, shared)).await.await;
            return;
        }
        Err(_) => CloseFrame::new(1013, "too many connections; try again later"),
    };
    let closing = transport::close(&mut transport, refused.ok());
    // A peer that takes longer is cut off.
    let _ = tokio::time::timeout(shared.config.limits.close_timeout, closing).await;
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").field("remote", &self.remote).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, F>(_: impl Fn(A) -> F) -> usize {
        size_of::<F>()
    }

    /// An upgrade's future exists as long as its connection.
    #[test]
    fn an_upgrade_is_small() {
        let size = size_of_future(Upgrade::serve);
        assert!(size <= 64, "{size} bytes");
    }
}
