//! The listener and its connections.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use birpc_core::__private::crates::check_subprotocols;
use birpc_core::transport::Transport;
use birpc_core::{Config, DuplicateMethod, IntoRouter, Peer};
use futures_util::StreamExt;
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::acceptor::Acceptor;
use crate::front::{self, TlsMode};
use crate::handle::{LATE, ServerHandle};
use crate::handshake::Rules;
use crate::hooks::Hooks;
use crate::listeners::Listeners;
use crate::shared::{MakeRouter, Shared, each_router, one_router};
use crate::upgrade::Upgrade;

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
    tls: TlsMode,
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
    /// A name of [`crate::ServerBuilder::subprotocols`] is no token of HTTP (RFC 6455 §4.1); the text says
    /// which, and why.
    #[error("invalid subprotocol: {0}")]
    Subprotocol(String),
    /// [`crate::ServerBuilder::mount`] with `ServerBuilder::tls`: a mounted acceptor has the TLS of
    /// the HTTP server around it.
    #[error(
        "the HTTP server around a mounted acceptor is responsible for TLS: remove `ServerBuilder::tls`, and \
         call `behind_tls()` if that server, or a proxy before it, terminates TLS"
    )]
    TlsMounted,
}

/// What [`crate::Server::serve`] returns: the server runs while this is polled.
#[must_use = "a server does nothing until this is awaited"]
pub struct Serving {
    running: Pin<Box<dyn Future<Output = Result<(), ServeError>> + Send>>,
}

impl Serving {
    /// Boxed: all that a connection consists of is compiled in this crate, and not anew in each that serves.
    pub(crate) fn new(running: impl Future<Output = Result<(), ServeError>> + Send + 'static) -> Self {
        Self { running: Box::pin(running) }
    }
}

impl Future for Serving {
    type Output = Result<(), ServeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.running.as_mut().poll(cx)
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}

impl Server {
    pub(crate) fn new(
        listeners: Listeners,
        tls: TlsMode,
        config: Arc<Config>,
        rules: Rules,
        hooks: Hooks,
        handle: ServerHandle,
    ) -> Self {
        Self { listeners, tls, config, rules, hooks, handle }
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
            self.run(one_router(router)?, Upgrade::serve).await;
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
        let router = each_router(make);
        Serving::new(async move {
            self.check()?;
            self.run(router, Upgrade::serve).await;
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
        let run = move |upgrade: Upgrade| {
            let serve = serve.clone();
            async move { upgrade.run_transport(|transport| serve(transport)).await }
        };
        self.run(Arc::new(|_: &Peer| Arc::default()), run).await;
    }

    /// What a builder cannot refuse where it is said.
    fn check(&self) -> Result<(), ServeError> {
        check_subprotocols(&self.rules.subprotocols.preferred).map_err(ServeError::Subprotocol)
    }

    async fn run<Fut>(self, router: Arc<MakeRouter>, serve: impl Fn(Upgrade) -> Fut + Clone + Send + 'static)
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        let close_timeout = self.config.limits.close_timeout;
        let most = self.config.limits.max_handshakes.clamp(1, Semaphore::MAX_PERMITS);
        let handshakes = Arc::new(Semaphore::new(most));
        let acceptor =
            Acceptor::new(Shared::new(self.config, self.rules, self.hooks, self.handle.clone(), router));
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
                    let (acceptor, tls) = (acceptor.clone(), self.tls.clone());
                    sessions.spawn(front::run(acceptor, tls, arrival, alive.clone(), serve.clone()));
                }
                Some(_) = sessions.join_next() => {}
                () = &mut stopped => break,
            }
        }
        drop(arrivals); // nobody else can connect
        drop(alive);
        // Every connection has ended, and the application was told of it. A hook that never returns is not
        // waited for.
        let _ = tokio::time::timeout(close_timeout, gone.recv()).await;
        // Nor is a handler that holds a connection's task.
        let tasks = async { while sessions.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LATE, tasks).await;
    }
}
