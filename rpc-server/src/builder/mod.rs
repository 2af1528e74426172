//! How a server is set up.

mod access;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use birpc_core::__private::crates::{check_subprotocols, connection_settings};
use birpc_core::{CloseReason, Config, Dialect, IntoRouter, Keepalive, Limits, Peer, SUBPROTOCOLS, WhenFull};
use tokio::net::{TcpListener, ToSocketAddrs};

use crate::acceptor::Acceptor;
use crate::front::TlsMode;
use crate::handle::ServerHandle;
use crate::handshake::{Hosts, Origins, Rules, Subprotocols, Warned};
use crate::hooks::Hooks;
use crate::listeners::{self, Listeners};
use crate::server::{ServeError, Server};
use crate::shared::{MakeRouter, Shared, each_router, one_router};

/// Sets up a [`Server`]: limits, keepalive, subprotocols, who may connect, hooks.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use birpc_core::Keepalive;
/// use birpc_server::Server;
///
/// let server = Server::builder()
///     .limits(|limits| limits.max_in_flight = 64)
///     .keepalive(Keepalive::off())
///     .on_connect(|peer| async move { println!("{peer:?} came") })
///     .on_disconnect(|peer, reason| async move { println!("{peer:?} left: {reason}") })
///     .bind("127.0.0.1:0")
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it binds"]
pub struct ServerBuilder {
    config: Config,
    tls: TlsMode,
    rules: Rules,
    hooks: Hooks,
    handle: ServerHandle,
    backlog: u32,
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
}

impl ServerBuilder {
    pub(crate) fn new() -> Self {
        let preferred = SUBPROTOCOLS.iter().map(ToString::to_string).collect();
        let subprotocols = Subprotocols { preferred, lenient: false };
        let rules = Rules {
            path: None,
            health: None,
            origins: Origins::SameHost,
            secure: false,
            hosts: Hosts::Unset,
            subprotocols,
            warned: Warned::default(),
        };
        Self {
            config: Config::default(),
            tls: TlsMode::Plain,
            rules,
            hooks: Hooks::default(),
            handle: ServerHandle::new(),
            backlog: listeners::BACKLOG,
        }
    }

    connection_settings!();

    fn settings(&mut self) -> &mut Config {
        &mut self.config
    }

    /// What a broadcast, which never waits, does with a peer whose queue is full. Default:
    /// [`WhenFull::Drop`], the peer misses it. [`Peer::set_when_full`] is for one peer.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.config.when_full = when_full;
        self
    }

    /// Serves `wss://` only: every connection begins with a TLS handshake, within
    /// [`Limits::handshake_timeout`]. Without it `ws://` is served. A server that is mounted has the TLS of
    /// what it is mounted in: [`ServerBuilder::mount`] refuses one with TLS of its own.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use birpc_server::{Server, ServerTls};
    ///
    /// let tls = ServerTls::from_pem_files("chain.pem", "key.pem")?;
    /// let server = Server::builder().tls(tls).bind("0.0.0.0:443").await?;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: crate::ServerTls) -> Self {
        self.tls = TlsMode::Tls(tls);
        self.rules.secure = true;
        self
    }

    /// Runs for each peer that connects. The hook starts before the peer's first message is read, and may
    /// call the peer; messages are read while it waits.
    pub fn on_connect<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Peer) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.hooks.connect = Some(Arc::new(move |peer| Box::pin(hook(peer))));
        self
    }

    /// Runs for each connection that has ended, with the reason. The peer is in [`crate::Peers`] no more. The
    /// values that are kept with the connection ([`Peer::get`]) are there until the hook's first await; what
    /// follows runs in a task of its own, for which [`Server::serve`] waits up to [`Limits::close_timeout`]
    /// when the server stops. A panic in it is logged.
    pub fn on_disconnect<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Peer, CloseReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.hooks.disconnect = Some(Arc::new(move |peer, reason| Box::pin(hook(peer, reason))));
        self
    }

    /// The handle that the server will have, for services and hooks that need it.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Maximum number of TCP connections that wait in the system to be accepted: those that arrive at once,
    /// and those that arrive during [`Limits::max_handshakes`] handshakes. When exceeded, the system drops
    /// connection attempts, and clients repeat them after 1 s, 3 s, 7 s. Default: 4096. The system's own
    /// bound applies silently if it is lower: on Linux `net.core.somaxconn`, 4096 by default. No effect on
    /// [`ServerBuilder::from_listener`].
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = connections;
        self
    }

    /// Listens on an address; port 0 lets the system choose one. Of a name or a list, it listens on all
    /// addresses, with one port if that is left to the system: `localhost` mostly is 127.0.0.1 and `[::1]`,
    /// and browsers try both. [`Server::local_addrs`] has them. Those of which this machine has none, such as
    /// `[::1]` where IPv6 is off, are left out if there are others. Nothing is accepted before
    /// [`Server::serve`] runs.
    ///
    /// # Errors
    /// Those of the system: an address is in use, not this machine's, or not allowed; the text names it.
    /// [`io::ErrorKind::InvalidInput`] if a name of [`ServerBuilder::subprotocols`] is none.
    pub async fn bind(self, address: impl ToSocketAddrs) -> io::Result<Server> {
        check_subprotocols(&self.rules.subprotocols.preferred)
            .map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, ServeError::Subprotocol(why)))?;
        let listeners = Listeners::bind(address, self.backlog).await?;
        Ok(self.serve_at(listeners))
    }

    /// Takes over a listener that is bound already.
    pub fn from_listener(self, listener: TcpListener) -> Server {
        self.serve_at(Listeners::new(vec![listener]))
    }

    fn serve_at(self, listeners: Listeners) -> Server {
        self.handle.peers().set_limits(&self.config.limits);
        Server::new(listeners, self.tls, Arc::new(self.config), self.rules, self.hooks, self.handle)
    }

    /// Serves a router without a listener of its own: for mounting in an HTTP server, whose own limits then
    /// hold in place of [`Limits::max_header_bytes`] and [`Limits::max_handshakes`]. Which `Host`s are
    /// served, that server decides as well, unless [`ServerBuilder::hosts`] lists them.
    ///
    /// # Errors
    /// [`ServeError::Router`] if two services of the router have a method in common,
    /// [`ServeError::Subprotocol`], and [`ServeError::TlsMounted`] with `tls`.
    pub fn mount(self, router: impl IntoRouter) -> Result<Acceptor, ServeError> {
        let router = one_router(router.into_router())?;
        self.accept_for(router)
    }

    /// [`ServerBuilder::mount`] with a router of its own for each connection, as [`Server::serve_with`]. One
    /// with a duplicate method closes its connection with 1011; the error is logged.
    ///
    /// ```no_run
    /// # use birpc_core::{Peer, Router};
    /// # use birpc_server::{ServeError, Server};
    /// # struct User;
    /// # fn methods_of(user: Option<std::sync::Arc<User>>) -> Router { Router::new() }
    /// # fn example() -> Result<(), ServeError> {
    /// // What `authorize` has granted is there already.
    /// let rpc = Server::builder().mount_with(|peer: &Peer| methods_of(peer.get::<User>()))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ServeError::Subprotocol`], and [`ServeError::TlsMounted`] with `tls`.
    pub fn mount_with<R: IntoRouter>(
        self,
        make: impl Fn(&Peer) -> R + Send + Sync + 'static,
    ) -> Result<Acceptor, ServeError> {
        self.accept_for(each_router(make))
    }

    /// The same without TLS, for a stream in memory.
    pub(crate) fn without_tls(mut self) -> Self {
        self.tls = TlsMode::Plain;
        self
    }

    fn accept_for(self, router: Arc<MakeRouter>) -> Result<Acceptor, ServeError> {
        check_subprotocols(&self.rules.subprotocols.preferred).map_err(ServeError::Subprotocol)?;
        if !matches!(self.tls, TlsMode::Plain) {
            return Err(ServeError::TlsMounted);
        }
        self.handle.peers().set_limits(&self.config.limits);
        Ok(Acceptor::new(Shared::new(Arc::new(self.config), self.rules, self.hooks, self.handle, router)))
    }
}
