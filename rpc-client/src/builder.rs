//! How a client connects.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use birpc_core::middleware::{BoxError, Caller, Layer, OutgoingCall, Service};
use birpc_core::transport::{Role, Transport, WebSocket};
use birpc_core::{
    Config, Connection, ConnectionInfo, Dialect, Keepalive, Limits, RawValue, Router, SUBPROTOCOLS,
};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::error::ConnectError;
use crate::handshake::{self, Offer};
use crate::layers::Layers;
use crate::reconnect::{Reconnect, Renewal};
use crate::stream::Stream;
use crate::url::Target;

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
#[derive(Debug)]
#[must_use = "a builder does nothing until it connects"]
pub struct ClientBuilder {
    config: Config,
    router: Arc<Router>,
    layers: Layers,
    offer: Offer,
    bad_header: Option<String>,
    reconnect: Option<Reconnect>,
    #[cfg(feature = "tls")]
    tls: Option<crate::ClientTls>,
}

impl ClientBuilder {
    pub(crate) fn new() -> Self {
        let subprotocols = SUBPROTOCOLS.map(String::from).to_vec();
        Self {
            config: Config::default(),
            router: Arc::default(),
            layers: Layers::default(),
            offer: Offer { subprotocols, insist: false, headers: HeaderMap::new() },
            bad_header: None,
            reconnect: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// What this client serves to its server. Default: nothing.
    pub fn serve(mut self, router: impl Into<Arc<Router>>) -> Self {
        self.router = router.into();
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

    /// Changes limits; those that are left alone keep their defaults.
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.config.limits);
        self
    }

    /// When a silent server is asked whether it lives, and given up. Default: [`Keepalive::default`].
    pub fn keepalive(mut self, keepalive: Keepalive) -> Self {
        self.config.keepalive = keepalive;
        self
    }

    /// Bounds each call that sets no timeout of its own. Default: none.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.config.call_timeout = Some(timeout);
        self
    }

    /// The reserved methods of a connection that agrees on another subprotocol than `birpc.v1`, or on none.
    /// Default: [`Dialect::plain`], which has none.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.config.dialect = dialect;
        self
    }

    /// Adds a header to the handshake's request, such as `Authorization` or `Origin`. One that HTTP does
    /// not allow fails the connection.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => {
                self.offer.headers.append(name, value);
            }
            _ => self.bad_header = Some(name.to_owned()),
        }
        self
    }

    /// The subprotocols to offer (RFC 6455 §1.9). Default: `birpc.v1`, `jsonrpc`.
    pub fn subprotocols<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.offer.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether a server that picks none of the offered subprotocols is refused. Default: `false`: geth,
    /// aria2 and Kodi pick none, and speak plain JSON-RPC.
    pub fn insist_on_subprotocol(mut self, insist: bool) -> Self {
        self.offer.insist = insist;
        self
    }

    /// Whom to trust at a `wss://` URL, and which certificate to show. Default: [`crate::ClientTls::default`],
    /// which is read once for all clients that set nothing.
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
        self.tls = Some(tls);
        self
    }

    /// Connects again when the connection is lost. Default: the client is closed then.
    ///
    /// Handles, stubs and values stay, and are of whichever connection is up. A call that had been sent when its
    /// connection ended ends as [`birpc_core::CallError::Disconnected`] with `sent: true`, unless it is
    /// [`birpc_core::Call::idempotent`]: nothing else is ever sent twice. One that had not been sent goes out on the
    /// next connection, if [`Reconnect::while_down`] lets it wait. What the server asked is not answered on another
    /// connection; the router is the same for each. [`birpc_core::Peer::closed`] is ready, and [`Client::close`]
    /// done, once no further connection is to come.
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = Some(reconnect);
        self
    }

    /// Connects to a `ws://` URL, or with the feature `tls` to a `wss://` one.
    ///
    /// # Errors
    /// [`ConnectError`] says at which step and why. Nothing is left open. A client that reconnects fails here as
    /// well: what is tried again is what was lost.
    ///
    /// # Cancel safety
    /// Dropping the future closes whatever was opened.
    pub async fn connect(self, url: &str) -> Result<Client, ConnectError> {
        self.boxed_connect(url).await
    }

    /// Connects, and gives the frames themselves, without JSON-RPC: for other protocols over the same
    /// handshake.
    ///
    /// # Errors
    /// As [`ClientBuilder::connect`].
    pub async fn connect_transport(self, url: &str) -> Result<impl Transport + use<>, ConnectError> {
        Ok(self.open(url).await?.0)
    }

    /// [`ClientBuilder::connect`] over transports of the caller's own, with [`ClientBuilder::reconnect`]'s settings.
    #[doc(hidden)]
    pub async fn connect_over<D, F, T>(mut self, dial: D) -> Result<Client, ConnectError>
    where
        D: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(T, ConnectionInfo), ConnectError>> + Send + 'static,
        T: Transport,
    {
        let reconnect = self.reconnect.take().unwrap_or_default();
        let layers = std::mem::take(&mut self.layers);
        Ok(self.keep_connected(reconnect, dial).await?.behind(layers))
    }

    /// Boxed: as a plain `async fn`, all that a connection consists of would be compiled anew in each crate that
    /// connects, and not in this one.
    fn boxed_connect<'a>(
        self,
        url: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Client, ConnectError>> + Send + 'a>> {
        Box::pin(self.open_client(url))
    }

    async fn open_client(mut self, url: &str) -> Result<Client, ConnectError> {
        let layers = std::mem::take(&mut self.layers);
        if let Some(reconnect) = self.reconnect.take() {
            let (builder, url) = (Arc::new(self), Arc::<str>::from(url));
            let dial = {
                let builder = builder.clone();
                move || {
                    let (builder, url) = (builder.clone(), url.clone());
                    async move { builder.open(&url).await }
                }
            };
            return Ok(builder.keep_connected(reconnect, dial).await?.behind(layers));
        }
        self.router.check()?;
        let (transport, info) = self.open(url).await?;
        let (peer, connection) = Connection::new(transport, Arc::new(self.config), info);
        tokio::spawn(connection.serve(self.router));
        Ok(Client::new(peer.closing_on_drop()).behind(layers))
    }

    async fn keep_connected<D, F, T>(&self, reconnect: Reconnect, dial: D) -> Result<Client, ConnectError>
    where
        D: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(T, ConnectionInfo), ConnectError>> + Send + 'static,
        T: Transport,
    {
        self.router.check()?;
        let first = dial().await?;
        let (config, names) = (Arc::new(self.config.clone()), self.offer.subprotocols.clone());
        let (peer, renewal) =
            Renewal::new(reconnect, config, first.1.clone(), names, self.router.clone(), dial);
        let client = Client::new(peer.closing_on_drop());
        tokio::spawn(renewal.run(first));
        client.peer().up().await.map_err(ConnectError::Closed)?;
        Ok(client)
    }

    async fn open(&self, url: &str) -> Result<(WebSocket<Stream>, ConnectionInfo), ConnectError> {
        if let Some(name) = &self.bad_header {
            return Err(ConnectError::Header { name: name.clone() });
        }
        let target = Target::parse(url)?;
        let limits = &self.config.limits;
        let timed_out =
            |_| ConnectError::TimedOut { address: target.address(), after: limits.handshake_timeout };
        let opening = self.open_target(&target);
        tokio::time::timeout(limits.handshake_timeout, opening).await.map_err(timed_out)?
    }

    async fn open_target(
        &self,
        target: &Target,
    ) -> Result<(WebSocket<Stream>, ConnectionInfo), ConnectError> {
        let stream = dial(target).await?;
        let mut info = ConnectionInfo::default();
        info.remote = stream.peer_addr().ok();
        info.url = Some(target.url.clone());
        let upgraded = handshake::upgrade(self.secure(stream, target).await?, target, &self.offer).await?;
        info.subprotocol = upgraded.subprotocol;

        let (stream, read) = (upgraded.parts.io.into_inner(), upgraded.parts.read_buf.to_vec());
        Ok((WebSocket::new(stream, read, Role::Client, &self.config.limits), info))
    }

    #[cfg(feature = "tls")]
    async fn secure(&self, stream: TcpStream, target: &Target) -> Result<Stream, ConnectError> {
        if !target.secure {
            return Ok(Stream::Tcp(stream));
        }
        let stream = crate::tls::connect(self.tls.as_ref(), stream, target).await?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// `wss://` was refused with its URL.
    #[cfg(not(feature = "tls"))]
    async fn secure(&self, stream: TcpStream, _target: &Target) -> Result<Stream, ConnectError> {
        Ok(Stream::Tcp(stream))
    }
}

async fn dial(target: &Target) -> Result<TcpStream, ConnectError> {
    let failed = |source| ConnectError::Io { address: target.address(), source };
    let stream = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}
