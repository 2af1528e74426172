//! The listener and its connections.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use birpc_core::__private::crates::check_subprotocols;
use birpc_core::transport::Transport;
use birpc_core::{Config, DuplicateMethod, IntoRouter, Peer};
use futures_util::StreamExt;
use thiserror::Error;
use tokio::net::ToSocketAddrs;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::acceptor::Acceptor;
use crate::builder::ServerBuilder;
use crate::front::{self, Layer};
use crate::handle::ServerHandle;
use crate::handshake::Rules;
use crate::hooks::Hooks;
use crate::listeners::Listeners;
use crate::routers::{self, MakeRouter};
use crate::serving::Serving;
use crate::session::Session;

/// How much later than [`birpc_core::Limits::close_timeout`] a connection's end may be seen.
pub(crate) const LATE: Duration = Duration::from_millis(250);

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
    listeners: Listeners,
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
    /// A name of [`ServerBuilder::subprotocols`] is no token of HTTP (RFC 6455 §4.1); the text says which,
    /// and why.
    #[error("invalid subprotocol: {0}")]
    Subprotocol(String),
    /// [`ServerBuilder::mount`] with `ServerBuilder::tls`: a mounted acceptor has the TLS of the HTTP server
    /// around it.
    #[error(
        "the HTTP server around a mounted acceptor is responsible for TLS: remove `ServerBuilder::tls`, and \
         call `behind_tls()` if that server, or a proxy before it, terminates TLS"
    )]
    TlsMounted,
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
        listeners: Listeners,
        layer: Layer,
        config: Arc<Config>,
        rules: Rules,
        hooks: Hooks,
        handle: ServerHandle,
    ) -> Self {
        Self { listeners, layer, config, rules, hooks, handle }
    }

    /// The address that it listens on; the first of them, if it was bound to a name of several.
    ///
    /// # Errors
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let none = || io::Error::new(io::ErrorKind::AddrNotAvailable, "the server has no listener");
        self.listeners.addresses()?.into_iter().next().ok_or_else(none)
    }

    /// All addresses that it listens on: `localhost` mostly is 127.0.0.1 and `[::1]`.
    ///
    /// # Errors
    /// Those of the system.
    pub fn local_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.addresses()
    }

    /// A handle that stays valid while the server runs.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Serves one router to every connection, until [`ServerHandle::stop`]. A server that `#[rpc]` generates
    /// may stand for a router of it alone.
    ///
    /// # Errors
    /// [`ServeError::Router`] and [`ServeError::Subprotocol`] before anything is accepted. What goes wrong
    /// with a connection ends that connection only.
    ///
    /// # Cancel safety
    /// Dropping the future drops every connection without a close frame; use [`ServerHandle::stop`] to
    /// close them.
    pub fn serve(self, router: impl IntoRouter) -> Serving {
        // No `async fn`: a future that names the router's type repeats each error about it.
        let router = router.into_router();
        Serving::new(async move {
            self.check()?;
            self.run(routers::one(router)?, Session::serve).await;
            Ok(())
        })
    }

    /// Serves a router of its own to each connection. One with a duplicate method closes its connection
    /// with 1011, and so does a panic of `make`; both are logged.
    ///
    /// # Errors
    /// [`ServeError::Subprotocol`] before anything is accepted.
    ///
    /// # Cancel safety
    /// As [`Server::serve`].
    pub fn serve_with<R>(self, make: impl Fn(&Peer) -> R + Send + Sync + 'static) -> Serving
    where
        R: IntoRouter,
    {
        let router = routers::each(make);
        Serving::new(async move {
            self.check()?;
            self.run(router, Session::serve).await;
            Ok(())
        })
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
        if let Err(error) = self.check() {
            tracing::error!(%error, "an invalid subprotocol is ignored");
        }
        let serve = Arc::new(serve);
        let run = move |session: Session| {
            let serve = serve.clone();
            async move { session.run_transport(|transport| serve(transport)).await }
        };
        self.run(Arc::new(|_: &Peer| Arc::default()), run).await;
    }

    /// What a builder cannot refuse where it is said.
    fn check(&self) -> Result<(), ServeError> {
        check_subprotocols(&self.rules.subprotocols.preferred).map_err(ServeError::Subprotocol)
    }

    async fn run<Fut>(self, router: Arc<MakeRouter>, serve: impl Fn(Session) -> Fut + Clone + Send + 'static)
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        let close_timeout = self.config.limits.close_timeout;
        let most = self.config.limits.max_handshakes.clamp(1, Semaphore::MAX_PERMITS);
        let handshakes = Arc::new(Semaphore::new(most));
        let acceptor = Acceptor::new(self.config, self.rules, self.hooks, self.handle.clone(), router);
        // Bounded by `max_connections` and `max_handshakes`.
        let mut sessions = JoinSet::new();
        let (alive, mut gone) = mpsc::channel::<Infallible>(1);
        let stopped = self.handle.stopped();
        tokio::pin!(stopped);
        // Boxed, so that it can be dropped; one for the whole loop, so that nothing which ends meanwhile cuts
        // a pause of it short.
        let mut arrivals = Box::pin(self.listeners.arrivals(handshakes));
        loop {
            tokio::select! {
                Some(arrival) = arrivals.next() => {
                    let (acceptor, layer) = (acceptor.clone(), self.layer.clone());
                    sessions.spawn(front::run(acceptor, layer, arrival, alive.clone(), serve.clone()));
                }
                Some(_) = sessions.join_next() => {}
                () = &mut stopped => break,
            }
        }
        drop(arrivals); // nobody else can connect
        drop(alive);
        // A handler may hold a connection's task for as long as it likes, and so may a hook.
        let ended = async {
            let _ = tokio::time::timeout(close_timeout, gone.recv()).await;
            tokio::time::sleep(LATE).await;
        };
        tokio::select! {
            () = async { while sessions.join_next().await.is_some() {} } => {}
            () = ended => {}
        }
    }
}
