//! A server with its listener and connections.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use birpc_core::__private::crates::check_subprotocols;
use birpc_core::transport::Transport;
use birpc_core::{Config, ConnectionInfo, DuplicateMethod, Groups, IntoRouter, Peer};
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

/// A server that is bound to its addresses. [`Server::serve`] runs it.
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

/// Why a server cannot run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Two methods of the router have the same wire name.
    #[error(transparent)]
    Router(#[from] DuplicateMethod),
    /// A name of [`crate::ServerBuilder::subprotocols`] is not an HTTP token (RFC 6455 §4.1). The text has
    /// the name and the reason.
    #[error("invalid subprotocol: {0}")]
    Subprotocol(String),
    /// [`crate::ServerBuilder::mount`] was called on a builder with `ServerBuilder::tls`: the HTTP server
    /// around a mounted acceptor is responsible for TLS.
    #[error(
        "the HTTP server around a mounted acceptor is responsible for TLS: remove `ServerBuilder::tls`, and \
         call `behind_tls()` if that server, or a proxy before it, terminates TLS"
    )]
    TlsMounted,
}

/// The future of [`crate::Server::serve`]. The server runs while it is polled.
#[must_use = "a server does nothing until this is awaited"]
pub struct Serving {
    running: Pin<Box<dyn Future<Output = Result<(), ServeError>> + Send>>,
}

impl Serving {
    /// Boxed, so that the code of a connection is compiled in this crate, and not again in each crate that
    /// serves.
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

    /// The address that the server listens on. If there are several, the first one.
    ///
    /// # Errors
    /// The system's errors.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let none = || io::Error::new(io::ErrorKind::AddrNotAvailable, "the server has no listener");
        self.listeners.addresses()?.into_iter().next().ok_or_else(none)
    }

    /// All addresses that the server listens on: `localhost` usually means 127.0.0.1 and `[::1]`.
    ///
    /// # Errors
    /// The system's errors.
    pub fn local_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.addresses()
    }

    /// A handle for the server, which stays valid while the server runs.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// The groups of the connected peers; see [`Groups`]. Handlers use [`birpc_core::Context::groups`].
    #[must_use]
    pub fn groups(&self) -> Groups {
        self.handle.groups()
    }

    /// Serves a router to every connection, until [`ServerHandle::stop`]. A single service, such as the
    /// `ChatServer` that `#[rpc]` generates, may take the place of a router.
    ///
    /// # Errors
    /// [`ServeError::Router`] and [`ServeError::Subprotocol`], before any connection is accepted. An error of
    /// a connection ends that connection only.
    ///
    /// # Cancel safety
    /// Dropping the future drops all connections without a close frame. To close them, use
    /// [`ServerHandle::stop`].
    pub fn serve(self, router: impl IntoRouter) -> Serving {
        // Not an `async fn`: a future that names the router's type would repeat each error about that type.
        let router = router.into_router();
        Serving::new(async move {
            self.check()?;
            self.run(one_router(router)?, Upgrade::serve).await;
            Ok(())
        })
    }

    /// Serves each connection with a router of its own, which `make` returns. If the router has a duplicate
    /// method, or if `make` panics, the connection closes with 1011 and the error is logged.
    ///
    /// # Errors
    /// [`ServeError::Subprotocol`], before any connection is accepted.
    ///
    /// # Cancel safety
    /// As for [`Server::serve`].
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

    /// Passes the frames of each connection to `serve`, without JSON-RPC: for other protocols over the same
    /// handshake, limits and `authorize`. The [`ConnectionInfo`] says which subprotocol was agreed on, and
    /// who has connected. Returns after [`ServerHandle::stop`], which drops the futures.
    ///
    /// # Cancel safety
    /// As for [`Server::serve`].
    pub async fn serve_transports<Fut>(
        self,
        serve: impl Fn(Box<dyn Transport>, ConnectionInfo) -> Fut + Send + Sync + 'static,
    ) where
        Fut: Future<Output = ()> + Send + 'static,
    {
        if let Err(error) = self.check() {
            tracing::error!(%error, "an invalid subprotocol is ignored");
        }
        let serve = Arc::new(serve);
        let run = move |upgrade: Upgrade| {
            let serve = serve.clone();
            let info = upgrade.info();
            async move { upgrade.run_transport(|transport| serve(transport, info)).await }
        };
        self.run(Arc::new(|_: &Peer| Arc::default()), run).await;
    }

    /// Checks the settings that the builder's methods cannot reject themselves.
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
        // The size is limited by `max_connections` and `max_handshakes`.
        let mut sessions = JoinSet::new();
        let (alive, mut gone) = mpsc::channel::<Infallible>(1);
        let stopped = self.handle.stopped();
        tokio::pin!(stopped);
        // Boxed, so that it can be dropped. There is one for the whole loop, so that other events do not cut
        // short its pauses.
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
        drop(arrivals); // no other client can connect
        drop(alive);
        // Every connection has ended and its hook has run. A hook that never returns is not waited for.
        let _ = tokio::time::timeout(close_timeout, gone.recv()).await;
        // Neither is a handler that blocks its connection's task.
        let tasks = async { while sessions.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LATE, tasks).await;
    }
}
