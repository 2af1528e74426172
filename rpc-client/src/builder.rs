//! The settings of a client.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use birpc_core::__private::crates::connection_settings;
use birpc_core::middleware::{BoxError, Caller, Layer, OutgoingCall, Service};
use birpc_core::{Config, Dialect, IntoRouter, Keepalive, Limits, Overflow, Peer, RawValue, Router};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::attempt::{Attempt, BeforeAttempt};
use crate::client::Client;
use crate::dial::{Destination, Dial};
use crate::error::ConnectError;
use crate::opening::Opening;
use crate::reconnect::Reconnect;

/// Configures a [`Client`]: the methods that it serves to the server, limits, headers, subprotocols.
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
    /// Connects with default settings; see [`ClientBuilder::connect`].
    ///
    /// # Errors
    /// [`ConnectError`] names the step that failed and the reason.
    ///
    /// # Cancel safety
    /// Dropping the future closes everything that it opened.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::builder().connect(url).await
    }

    /// Configures a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }
}

impl ClientBuilder {
    /// Sets the methods that this client serves to its server. Default: none.
    pub fn serve(mut self, router: impl IntoRouter) -> Self {
        self.router = router.into_router();
        self
    }

    /// Puts a layer around each call and notification to the server. The layer that is added last is the
    /// outermost. See [`birpc_core::Peer::layer`]. The layer does not apply to what handlers send through
    /// their context, nor to what [`Reconnect::on_connected`] sends.
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

    connection_settings! {
        ///
        /// ```no_run
        /// # async fn example() -> Result<(), birpc_client::ConnectError> {
        /// use birpc_client::Client;
        /// use birpc_core::Dialect;
        ///
        /// // A dropped call sends `$/cancelRequest`.
        /// let client = Client::builder().dialect(Dialect::lsp()).connect("ws://127.0.0.1:6008/").await?;
        /// # Ok(()) }
        /// ```
    }

    fn settings(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Adds a header to the handshake request, such as `Authorization` or `Origin`. If HTTP does not allow
    /// the header, connecting fails. The builder's `Debug` output omits the value.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.opening.offer.add_header(name, value);
        self
    }

    /// Sets the subprotocols to offer (RFC 6455 §1.9), in this order. If one is not a token, connecting
    /// fails. Default: `jsonrpc`, `birpc.v1`; with a [`ClientBuilder::dialect`], `jsonrpc` only. A birpc
    /// server prefers `birpc.v1`; some other servers pick the first one without knowing it.
    pub fn subprotocols<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.opening.offer.subprotocols = names.into_iter().map(String::from).collect();
        self.opening.chosen = true;
        self
    }

    /// Offers no subprotocol, for servers that refuse or do not expect the header.
    pub fn no_subprotocol(self) -> Self {
        self.subprotocols([])
    }

    /// Whether connecting fails if the server picks none of the offered subprotocols. Default: `false`: geth,
    /// aria2 and Kodi pick none and speak plain JSON-RPC.
    pub fn insist_on_subprotocol(mut self, insist: bool) -> Self {
        self.opening.offer.insist = insist;
        self
    }

    /// Sets a hook that runs before each attempt to connect, the first one included. It may change the URL,
    /// headers and subprotocols of the attempt: for tokens that expire and servers that move.
    ///
    /// Its time counts towards [`Limits::handshake_timeout`]. If it returns an error or panics, the attempt
    /// fails with [`crate::ConnectError::BeforeAttempt`]; a client that reconnects tries again.
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

    /// Replaces the TCP connection to the URL's host by a stream of the application's: through a proxy, to a
    /// Unix socket, or to another address. `dial` gets the host and port of the URL. TLS (for `wss://`) and
    /// the opening handshake run over the stream, with the URL's host as the name. A client that reconnects
    /// calls `dial` for each connection. [`Limits::handshake_timeout`] limits the time of `dial`, TLS and the
    /// handshake together.
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
    /// An error that `dial` returns becomes the `source` of [`crate::ConnectError::Io`], and so does its
    /// panic.
    pub fn dial<F, Fut, S>(mut self, dial: F) -> Self
    where
        F: Fn(Destination) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        self.opening.dial = Dial::own(dial);
        self
    }

    /// Connects through the HTTP proxy that the environment names: `HTTP_PROXY` for `ws://`, `HTTPS_PROXY`
    /// for `wss://`, `ALL_PROXY` for both, unless `NO_PROXY` lists the host. The variables are read now.
    /// Upper-case names take precedence over lower-case ones. Default: the environment is not read.
    ///
    /// The client sends the proxy a `CONNECT` request, with Basic authentication if the proxy's URL has a
    /// user. `NO_PROXY` is a list of names, which include their subdomains (`example.com`, `.example.com` or
    /// `*.example.com`), IP addresses, networks (`10.0.0.0/8`) and `*`; a name or an address may be followed
    /// by a port. SOCKS proxies and TLS to the proxy itself are not supported: connecting then fails with an
    /// error that says so. In a CGI program, where `HTTP_PROXY` is a request header, the variables are
    /// ignored.
    #[cfg(feature = "proxy")]
    pub fn proxy_from_env(mut self) -> Self {
        self.opening.dial = Dial::Proxied(Arc::new(crate::dial::Proxies::from_env()));
        self
    }

    /// Sets which certificates to trust at a `wss://` URL, and which certificate to present. Default:
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

    /// Reconnects when the connection is lost. Default: the client is closed then.
    ///
    /// Handles, stubs and values stay valid and use whichever connection is up. A call that had been sent
    /// when its connection ended fails with [`birpc_core::CallError::Disconnected`] and `sent: true`, unless
    /// it is marked as [`birpc_core::Call::idempotent`]; no other call is ever sent twice. A call that had
    /// not been sent goes out on the next connection, if [`Reconnect::while_down`] lets it wait. Incoming
    /// calls are not answered on another connection than their own; all connections serve the same router.
    /// [`birpc_core::Peer::closed`] and [`Client::close`] complete once no further connection will follow.
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = Some(reconnect);
        self
    }
}

/// Omits values that may be secret: those of headers, and subprotocols, which may be tokens.
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

/// The layers to put around a client's peer, in the order in which they were added.
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
