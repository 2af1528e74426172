//! The listener and its connections.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use birpc_core::transport::Transport;
use birpc_core::{Config, DuplicateMethod, Peer, Router};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::task::JoinSet;

use crate::acceptor::{Acceptor, MakeRouter};
use crate::builder::ServerBuilder;
use crate::front::{self, Layer};
use crate::handle::ServerHandle;
use crate::handshake::Rules;
use crate::hooks::Hooks;
use crate::session::Session;

/// How long to wait when the system cannot give another connection, such as when out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server that listens; [`Server::serve`] runs it.
///
/// ```no_run
/// # async fn example(router: birpc_core::Router) -> Result<(), Box<dyn std::error::Error>> {
/// use birpc_server::Server;
///
/// Server::bind("127.0.0.1:9944").await?.serve(router).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    layer: Layer,
    config: Arc<Config>,
    rules: Rules,
    hooks: Hooks,
    handle: ServerHandle,
}

/// Why a server could not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Two services of the router have a method in common.
    #[error(transparent)]
    Router(#[from] DuplicateMethod),
}

impl Server {
    /// Listens on an address with the defaults; port 0 lets the system choose one.
    ///
    /// # Errors
    /// Those of the system: the address is in use, not this machine's, or not allowed.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::builder().bind(address).await
    }

    /// Sets up a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    pub(crate) fn new(
        listener: TcpListener,
        layer: Layer,
        config: Arc<Config>,
        rules: Rules,
        hooks: Hooks,
        handle: ServerHandle,
    ) -> Self {
        Self { listener, layer, config, rules, hooks, handle }
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// A handle that stays valid while the server runs.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Serves one router to every connection, until [`ServerHandle::stop`].
    ///
    /// # Errors
    /// [`ServeError::Router`] before anything is accepted. What goes wrong with a connection ends that
    /// connection only.
    ///
    /// # Cancel safety
    /// Dropping the future drops every connection without a close frame; use [`ServerHandle::stop`] to
    /// close them.
    pub async fn serve(self, router: impl Into<Arc<Router>>) -> Result<(), ServeError> {
        let router = router.into();
        router.check()?;
        self.run_sessions(Arc::new(move |_: &Peer| router.clone())).await;
        Ok(())
    }

    /// Serves a router of its own to each connection. One with a duplicate method closes its connection
    /// with 1011; the error is logged.
    ///
    /// # Errors
    /// None today.
    ///
    /// # Cancel safety
    /// As [`Server::serve`].
    pub async fn serve_with<R>(
        self,
        make: impl Fn(&Peer) -> R + Send + Sync + 'static,
    ) -> Result<(), ServeError>
    where
        R: Into<Arc<Router>>,
    {
        let make = move |peer: &Peer| checked(peer, make(peer).into());
        self.run_sessions(Arc::new(make)).await;
        Ok(())
    }

    /// Gives the frames of each connection to `serve`, without JSON-RPC: for other protocols over the same
    /// handshake, limits and `authorize`. Returns after [`ServerHandle::stop`], which drops the futures.
    ///
    /// # Cancel safety
    /// As [`Server::serve`].
    pub async fn serve_transports<Fut>(
        self,
        serve: impl Fn(Box<dyn Transport>) -> Fut + Send + Sync + 'static,
    ) where
        Fut: Future<Output = ()> + Send + 'static,
    {
        let serve = Arc::new(serve);
        let run = move |session: Session| {
            let serve = serve.clone();
            async move { session.run_transport(|transport| serve(transport)).await }
        };
        self.run(Arc::new(|_: &Peer| Arc::default()), run).await;
    }

    /// Boxed: as a plain `async fn`, all that a connection consists of would be compiled anew in each crate that
    /// serves, and not in this one.
    fn run_sessions(self, router: Arc<MakeRouter>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.run(router, Session::serve))
    }

    async fn run<Fut>(self, router: Arc<MakeRouter>, serve: impl Fn(Session) -> Fut + Clone + Send + 'static)
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        let acceptor = Acceptor::new(self.config, self.rules, self.hooks, self.handle.clone(), router);
        // Bounded by `max_connections` and `max_handshakes`.
        let mut sessions = JoinSet::new();
        let stopped = self.handle.stopped();
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                (stream, remote) = accept(&self.listener) => {
                    let (acceptor, layer) = (acceptor.clone(), self.layer.clone());
                    sessions.spawn(front::run(acceptor, layer, stream, remote, serve.clone()));
                }
                Some(_) = sessions.join_next() => {}
                () = &mut stopped => break,
            }
        }
        drop(self.listener);
        while sessions.join_next().await.is_some() {}
    }
}

/// A router that can serve, or none and a closed connection.
fn checked(peer: &Peer, router: Arc<Router>) -> Arc<Router> {
    match router.check() {
        Ok(()) => router,
        Err(error) => {
            tracing::error!(%error, connection = peer.id(), "a connection gets no router");
            // It cannot be refused: the code may be sent and the reason is short.
            let _ = peer.close(1011, "the server has no service for this connection");
            Arc::default()
        }
    }
}

/// Accepts, whatever the system says meanwhile: a listener outlives the errors of single connections.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
