//! How a server is set up.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use birpc_core::{
    CloseReason, Config, Dialect, DuplicateMethod, Keepalive, Limits, Peer, Router, SUBPROTOCOLS, WhenFull,
};
use tokio::net::{TcpListener, ToSocketAddrs};

use crate::acceptor::Acceptor;
use crate::front::Layer;
use crate::grant::Grant;
use crate::handle::ServerHandle;
use crate::handshake::{Handshake, Origins, Refusal, Rules, Subprotocols};
use crate::hooks::Hooks;
use crate::server::Server;

/// Sets up a [`Server`]: limits, keepalive, subprotocols, who may connect, hooks.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use birpc_server::Server;
///
/// let server = Server::builder()
///     .limits(|limits| limits.max_in_flight = 64)
///     .on_connect(|peer| async move { println!("{peer:?} came") })
///     .on_disconnect(|peer, reason| println!("{peer:?} left: {reason}"))
///     .bind("127.0.0.1:0")
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it binds"]
pub struct ServerBuilder {
    config: Config,
    layer: Layer,
    rules: Rules,
    hooks: Hooks,
    handle: ServerHandle,
}

impl ServerBuilder {
    pub(crate) fn new() -> Self {
        let preferred = SUBPROTOCOLS.map(String::from).to_vec();
        let subprotocols = Subprotocols { preferred, lenient: false };
        let rules =
            Rules { path: None, origins: Origins::SameHost, secure: false, hosts: None, subprotocols };
        Self {
            config: Config::default(),
            layer: Layer::Plain,
            rules,
            hooks: Hooks::default(),
            handle: ServerHandle::new(),
        }
    }

    /// Changes limits; those that are left alone keep their defaults.
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.config.limits);
        self
    }

    /// When a silent peer is asked whether it lives, and given up. Default: [`Keepalive::default`].
    pub fn keepalive(mut self, keepalive: Keepalive) -> Self {
        self.config.keepalive = keepalive;
        self
    }

    /// Bounds each call to a peer that sets no timeout of its own. Default: none.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.config.call_timeout = Some(timeout);
        self
    }

    /// The reserved methods of connections that agree on another subprotocol than `birpc.v1`, or on none. Default:
    /// [`Dialect::plain`], which has none.
    ///
    /// ```no_run
    /// # use birpc_server::Server;
    /// use birpc_core::Dialect;
    ///
    /// let server = Server::builder().subprotocols(["mcp"]).dialect(Dialect::mcp());
    /// ```
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.config.dialect = dialect;
        self
    }

    /// What a broadcast, which never waits, does with a peer whose queue is full. Default: [`WhenFull::Drop`], the
    /// peer misses it. [`Peer::set_when_full`] is for one peer.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.config.when_full = when_full;
        self
    }

    /// Serves `wss://` only: every connection begins with a TLS handshake, within
    /// [`Limits::handshake_timeout`]. Without it `ws://` is served. A server that is mounted has the TLS of
    /// what it is mounted in.
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
        self.layer = Layer::Tls(tls);
        self.rules.secure = true;
        self
    }

    /// The subprotocols to agree on, in order of preference (RFC 6455 §1.9). Default: `birpc.v1`,
    /// `jsonrpc`. A client that offers none is always served, as plain JSON-RPC.
    pub fn subprotocols<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.rules.subprotocols.preferred = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether a client that offers only unknown subprotocols is served as plain JSON-RPC instead of
    /// being refused with HTTP 400. Default: `false`.
    pub fn lenient_subprotocols(mut self, lenient: bool) -> Self {
        self.rules.subprotocols.lenient = lenient;
        self
    }

    /// Serves one path only, such as `/rpc`; others are answered with 404. Default: every path.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        let path = path.into();
        self.rules.path = Some(if path.starts_with('/') { path } else { format!("/{path}") });
        self
    }

    /// Which web pages may connect. Default: [`Origins::SameHost`]; others are answered with 403.
    pub fn origins(mut self, origins: Origins) -> Self {
        self.rules.origins = origins;
        self
    }

    /// Which `Host`s are served, with their ports as the header has them, such as `localhost:9944`, in
    /// whatever case; others
    /// are answered with 403. It keeps a stranger's page from reaching a local server under a name of its
    /// own (DNS rebinding). Default: every host.
    pub fn hosts<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.rules.hosts = Some(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Decides on each valid request that the other rules let pass, before the upgrade; it may await, within
    /// [`Limits::handshake_timeout`], and holds a place of [`Limits::max_connections`] meanwhile. What it
    /// grants with the connection, handlers read from their `Context`.
    ///
    /// ```no_run
    /// # use birpc_server::{Grant, Refusal, Server};
    /// # async fn user_of(token: &str) -> Option<String> { None }
    /// let server = Server::builder().authorize(|request| async move {
    ///     let token = request.bearer().ok_or(Refusal::unauthorized("a bearer token is needed"))?;
    ///     let user = user_of(token).await.ok_or(Refusal::forbidden("the token is not valid"))?;
    ///     Ok(Grant::new().with(user))
    /// });
    /// ```
    pub fn authorize<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Handshake) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Grant, Refusal>> + Send + 'static,
    {
        self.hooks.authorize = Some(Arc::new(move |handshake| Box::pin(hook(handshake))));
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

    /// Runs when a connection has ended, with the reason. The peer is in [`crate::Peers`] no more.
    pub fn on_disconnect(mut self, hook: impl Fn(&Peer, &CloseReason) + Send + Sync + 'static) -> Self {
        self.hooks.disconnect = Some(Arc::new(hook));
        self
    }

    /// The handle that the server will have, for services and hooks that need it.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Listens on an address; port 0 lets the system choose one. Nothing is accepted before
    /// [`Server::serve`] runs.
    ///
    /// # Errors
    /// Those of the system: the address is in use, not this machine's, or not allowed.
    pub async fn bind(self, address: impl ToSocketAddrs) -> io::Result<Server> {
        Ok(self.listen(TcpListener::bind(address).await?))
    }

    /// Takes over a listener that is bound already.
    pub fn listen(self, listener: TcpListener) -> Server {
        self.handle.peers().set_limits(&self.config.limits);
        Server::new(listener, self.layer, Arc::new(self.config), self.rules, self.hooks, self.handle)
    }

    /// Serves a router without a listener of its own: for mounting in an HTTP server, whose own limits then
    /// hold in place of [`Limits::max_header_bytes`] and [`Limits::max_handshakes`].
    ///
    /// # Errors
    /// [`DuplicateMethod`] if two services of the router have a method in common.
    pub fn mount(self, router: impl Into<Arc<Router>>) -> Result<Acceptor, DuplicateMethod> {
        let router = router.into();
        router.check()?;
        let make = Arc::new(move |_: &Peer| router.clone());
        self.handle.peers().set_limits(&self.config.limits);
        Ok(Acceptor::new(Arc::new(self.config), self.rules, self.hooks, self.handle, make))
    }
}
