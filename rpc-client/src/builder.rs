//! How a client connects.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use birpc_core::__private::crates::connection_settings;
use birpc_core::middleware::{BoxError, Caller, Layer, OutgoingCall, Service};
use birpc_core::{Config, Dialect, IntoRouter, Keepalive, Limits, Peer, RawValue, Router};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::attempt::{Attempt, BeforeAttempt};
use crate::client::Client;
use crate::dial::{Destination, Dial};
use crate::error::ConnectError;
use crate::opening::Opening;
use crate::reconnect::Reconnect;

/// Sets up a [`Client`]: what it serves to the server, limits, headers, subprotocols.
///
/// ```no_run
/// # async fn example(router: birpc_core::Router) -> Result<(), birpc_client::ConnectError> {
/// use birpc_client::Client;
///
/// let client = Client::builder()
///     .serve(router) // the server may call these
///     .header("authorization", "Bearer …")
///     .connect("ws://127.0.0.1:9944/")
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Default)]
#[must_use = "a builder does nothing until it connects"]
pub struct ClientBuilder {
    pub(crate) config: Config,
    pub(crate) router: Arc<Router>,
    pub(crate) layers: Layers,
    pub(crate) opening: Opening,
    pub(crate) reconnect: Option<Reconnect>,
}

impl Client {
    /// Connects with the defaults; see [`ClientBuilder::connect`].
    ///
    /// # Errors
    /// [`ConnectError`] says at which step and why.
    ///
    /// # Cancel safety
    /// Dropping the future closes whatever was opened.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::builder().connect(url).await
    }

    /// Sets up a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }
}

impl ClientBuilder {
    /// What this client serves to its server. Default: nothing.
    pub fn serve(mut self, router: impl IntoRouter) -> Self {
        self.router = router.into_router();
        self
    }

    /// Puts a layer around each call that is made to the server; the last that is added is the outermost. See
    /// [`birpc_core::Peer::layer`]: what handlers call through their context goes without, and so does what
    /// [`Reconnect::on_connected`] calls.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Caller> + Send + Sync + 'static,
        L::Service: Service<OutgoingCall, Response = Box<RawValue>> + Clone + Send + Sync + 'static,
        <L::Service as Service<OutgoingCall>>::Error: Into<BoxError>,
        <L::Service as Service<OutgoingCall>>::Future: Send,
    {
        self.layers.push(layer);
        self
    }

    connection_settings!();

    fn settings(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Adds a header to the handshake's request, such as `Authorization` or `Origin`. One that HTTP does
    /// not allow fails the connection. `{:?}` of the builder does not show the value.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.opening.offer.add_header(name, value);
        self
    }

    /// The subprotocols to offer (RFC 6455 §1.9), in this order. One that is no token fails the connection.
    /// Default: `jsonrpc`, `birpc.v1`; with a [`ClientBuilder::dialect`] `jsonrpc` alone. A birpc server
    /// prefers `birpc.v1`; some other servers pick the first, whatever it means.
    pub fn subprotocols<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.opening.offer.subprotocols = names.into_iter().map(String::from).collect();
        self.opening.chosen = true;
        self
    }

    /// Offers no subprotocol: for servers that refuse, or do not expect, the header.
    pub fn no_subprotocol(self) -> Self {
        self.subprotocols([])
    }

    /// Whether a server that picks none of the offered subprotocols is refused. Default: `false`: geth,
    /// aria2 and Kodi pick none, and speak plain JSON-RPC.
    pub fn insist_on_subprotocol(mut self, insist: bool) -> Self {
        self.opening.offer.insist = insist;
        self
    }

    /// Runs a hook before each attempt to connect, the first too. It may change the URL, the headers and the
    /// subprotocols of that attempt: for tokens that expire, and servers that move.
    ///
    /// What it takes counts in [`Limits::handshake_timeout`]. If it returns an error or panics, the attempt
    /// has failed, as [`crate::ConnectError::BeforeAttempt`]; a client that reconnects tries again.
    ///
    /// ```no_run
    /// # async fn fetch_token() -> Result<String, std::io::Error> { Ok("…".into()) }
    /// # async fn example() -> Result<(), birpc_client::ConnectError> {
    /// use birpc_client::{Client, Reconnect};
    ///
    /// let client = Client::builder()
    ///     .before_attempt(|attempt| async move {
    ///         let token = fetch_token().await?;
    ///         Ok(attempt.with_header("authorization", &format!("Bearer {token}")))
    ///     })
    ///     .reconnect(Reconnect::default())
    ///     .connect("ws://127.0.0.1:9944/")
    ///     .await?;
    /// # drop(client);
    /// # Ok(()) }
    /// ```
    pub fn before_attempt<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn(Attempt) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Attempt, BoxError>> + Send + 'static,
    {
        self.opening.before_attempt = Some(BeforeAttempt::new(hook));
        self
    }

    /// Opens the stream beneath each connection otherwise than by TCP to the URL's host: through a proxy, to
    /// a Unix socket, to another address than the name that is in the URL. It gets the host and the port of
    /// the URL. TLS, if the URL is `wss://`, and the opening handshake follow over the stream, with the URL's
    /// host as the name. It is kept for all connections of a client that reconnects, and has
    /// [`Limits::handshake_timeout`] together with these.
    ///
    /// ```no_run
    /// # #[cfg(unix)]
    /// # async fn example() -> Result<(), birpc_client::ConnectError> {
    /// use birpc_client::Client;
    /// use tokio::net::UnixStream;
    ///
    /// let client = Client::builder()
    ///     .dial(|_| UnixStream::connect("/run/rpc.sock"))
    ///     .connect("ws://localhost/")
    ///     .await?;
    /// # drop(client);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// An error that it returns is the `source` of [`crate::ConnectError::Io`]; so is its panic.
    pub fn dial<F, Fut, S>(mut self, dial: F) -> Self
    where
        F: Fn(Destination) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        self.opening.dial = Dial::own(dial);
        self
    }

    /// Connects through the HTTP proxy that the environment names, read now: `HTTP_PROXY` for `ws://`,
    /// `HTTPS_PROXY` for `wss://`, `ALL_PROXY` for both, unless `NO_PROXY` has the host. Upper case counts
    /// before lower case. Default: the environment is not read.
    ///
    /// The proxy is asked to `CONNECT`, with Basic authentication if its URL has a user. `NO_PROXY` is a list
    /// of names, which stand for their subdomains too (`example.com`, `.example.com` or `*.example.com`), IP
    /// addresses, networks (`10.0.0.0/8`) and `*`; after a name or an address there may be a port. SOCKS
    /// proxies, and TLS to the proxy itself, are not supported: connecting fails and says so. In a CGI
    /// program, where `HTTP_PROXY` is a request's header, the variables are ignored.
    #[cfg(feature = "proxy")]
    pub fn proxy_from_env(mut self) -> Self {
        self.opening.dial = Dial::Proxied(Arc::new(crate::dial::Proxies::from_env()));
        self
    }

    /// Whom to trust at a `wss://` URL, and which certificate to show. Default:
    /// [`crate::ClientTls::default`], which is read once for all clients that set nothing.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use birpc_client::{Client, ClientTls};
    ///
    /// let tls = ClientTls::only_ca_file("ca.pem")?;
    /// let client = Client::builder().tls(tls).connect("wss://rpc.internal/").await?;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: crate::ClientTls) -> Self {
        self.opening.tls = Some(tls);
        self
    }

    /// Connects again when the connection is lost. Default: the client is closed then.
    ///
    /// Handles, stubs and values stay, and are of whichever connection is up. A call that had been sent
    /// when its connection ended ends as [`birpc_core::CallError::Disconnected`] with `sent: true`, unless
    /// it is [`birpc_core::Call::idempotent`]: nothing else is ever sent twice. One that had not been sent
    /// goes out on the next connection, if [`Reconnect::while_down`] lets it wait. What the server asked is
    /// not answered on another connection; the router is the same for each. [`birpc_core::Peer::closed`] is
    /// ready, and [`Client::close`] done, once no further connection is to come.
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = Some(reconnect);
        self
    }
}

/// Without what may be secret: the values of headers, and subprotocols, which may be tokens.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("config", &self.config)
            .field("router", &self.router)
            .field("layers", &self.layers)
            .field("opening", &self.opening)
            .field("reconnect", &self.reconnect)
            .finish()
    }
}

/// Layers to be put around the peer of a client, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Layers(Vec<Box<dyn FnOnce(Peer) -> Peer + Send + Sync>>);

impl Layers {
    pub(crate) fn push<L>(&mut self, layer: L)
    where
        L: Layer<Caller> + Send + Sync + 'static,
        L::Service: Service<OutgoingCall, Response = Box<RawValue>> + Clone + Send + Sync + 'static,
        <L::Service as Service<OutgoingCall>>::Error: Into<BoxError>,
        <L::Service as Service<OutgoingCall>>::Future: Send,
    {
        self.0.push(Box::new(move |peer| peer.layer(layer)));
    }

    pub(crate) fn around(self, peer: Peer) -> Peer {
        self.0.into_iter().fold(peer, |peer, layer| layer(peer))
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Layers").field(&self.0.len()).finish()
    }
}
