//! The settings of a server.

mod access;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use birpc_core::__private::crates::{check_subprotocols, connection_settings, share_groups};
use birpc_core::{
    CloseReason, Config, Dialect, IntoRouter, Keepalive, Limits, Overflow, Peer, SUBPROTOCOLS, WhenFull,
};
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
    /// Listens on an address with default settings. With port 0 the system chooses the port.
    ///
    /// # Errors
    /// The system's errors: the address is in use, does not belong to this machine, or is not permitted.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::builder().bind(address).await
    }

    /// Configures a server.
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

    connection_settings! {
        ///
        /// ```no_run
        /// # async fn example(tools: birpc_core::Router) -> Result<(), Box<dyn std::error::Error>> {
        /// use birpc_core::Dialect;
        /// use birpc_server::Server;
        ///
        /// // A client cancels a request as the Model Context Protocol says.
        /// let server = Server::builder().dialect(Dialect::mcp()).bind("127.0.0.1:8080").await?;
        /// server.serve(tools).await?;
        /// # Ok(()) }
        /// ```
    }

    fn settings(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Sets what a broadcast does when a peer's queue is full; a broadcast never waits. Default:
    /// [`WhenFull::Drop`]: the peer does not get the message. [`Peer::set_when_full`] sets it for one peer.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.config.when_full = when_full;
        self
    }

    /// Serves `wss://` only: every connection begins with a TLS handshake, within
    /// [`Limits::handshake_timeout`]. Default: `ws://`. A mounted server uses the TLS of the server around
    /// it, and [`ServerBuilder::mount`] returns an error if this is set.
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

    /// Sets a hook that runs for each peer that connects. It starts before the peer's first message is read,
    /// and may call the peer. While it waits, messages are read and served.
    pub fn on_connect<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Peer) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.hooks.connect = Some(Arc::new(move |peer| Box::pin(hook(peer))));
        self
    }

    /// Sets a hook that runs for each connection that has ended, with the reason. The peer is no longer among
    /// [`crate::Peers`]. The values that are kept with the connection ([`Peer::get`]) are available until the
    /// hook's first await. After that, the hook runs in a task of its own; when the server stops,
    /// [`Server::serve`] waits for that task for up to [`Limits::close_timeout`]. A panic of the hook is
    /// logged.
    pub fn on_disconnect<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Peer, CloseReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.hooks.disconnect = Some(Arc::new(move |peer, reason| Box::pin(hook(peer, reason))));
        self
    }

    /// The handle of the future server, for services and hooks that need it.
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

    /// Listens on an address. With port 0 the system chooses the port. If the address is a name or a list,
    /// the server listens on all addresses, with the same port if the system chooses it: `localhost` usually
    /// means 127.0.0.1 and `[::1]`, and browsers try both. [`Server::local_addrs`] lists them. Addresses that
    /// this machine does not have, such as `[::1]` where IPv6 is off, are left out if there are others.
    /// Connections are accepted only while [`Server::serve`] runs.
    ///
    /// # Errors
    /// The system's errors, with the address: it is in use, does not belong to this machine, or is not
    /// permitted. [`io::ErrorKind::InvalidInput`] if a name of [`ServerBuilder::subprotocols`] is not a
    /// token.
    pub async fn bind(self, address: impl ToSocketAddrs) -> io::Result<Server> {
        check_subprotocols(&self.rules.subprotocols.preferred)
            .map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, ServeError::Subprotocol(why)))?;
        let listeners = Listeners::bind(address, self.backlog).await?;
        Ok(self.serve_at(listeners))
    }

    /// Uses a listener that is already bound.
    pub fn from_listener(self, listener: TcpListener) -> Server {
        self.serve_at(Listeners::new(vec![listener]))
    }

    fn serve_at(self, listeners: Listeners) -> Server {
        self.share_limits();
        Server::new(listeners, self.tls, Arc::new(self.config), self.rules, self.hooks, self.handle)
    }

    /// Serves a router without a listener, for mounting in an HTTP server. The limits of that server replace
    /// [`Limits::max_header_bytes`] and [`Limits::max_handshakes`]. It also decides which `Host`s are served,
    /// unless [`ServerBuilder::hosts`] lists them.
    ///
    /// # Errors
    /// [`ServeError::Router`] if two methods of the router have the same wire name,
    /// [`ServeError::Subprotocol`], and [`ServeError::TlsMounted`] with `tls`.
    pub fn mount(self, router: impl IntoRouter) -> Result<Acceptor, ServeError> {
        let router = one_router(router.into_router())?;
        self.accept_for(router)
    }

    /// [`ServerBuilder::mount`] with a router for each connection, as with [`Server::serve_with`]. If a
    /// router has a duplicate method, its connection closes with 1011 and the error is logged.
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

    /// The same settings without TLS, for a stream in memory.
    pub(crate) fn without_tls(mut self) -> Self {
        self.tls = TlsMode::Plain;
        self
    }

    fn accept_for(self, router: Arc<MakeRouter>) -> Result<Acceptor, ServeError> {
        check_subprotocols(&self.rules.subprotocols.preferred).map_err(ServeError::Subprotocol)?;
        if !matches!(self.tls, TlsMode::Plain) {
            return Err(ServeError::TlsMounted);
        }
        self.share_limits();
        Ok(Acceptor::new(Shared::new(Arc::new(self.config), self.rules, self.hooks, self.handle, router)))
    }

    /// Makes the limits known to the list of peers, and the groups to the connections.
    fn share_limits(&self) {
        self.handle.peers().set_limits(&self.config.limits);
        share_groups(&self.handle.groups(), &self.config);
    }
}
