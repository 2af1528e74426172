//! From a builder to a client.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use birpc_core::__private::crates;
use birpc_core::middleware::BoxError;
use birpc_core::transport::Transport;
use birpc_core::{Connection, ConnectionInfo};

use crate::attempt::History;
use crate::builder::ClientBuilder;
use crate::client::Client;
use crate::error::ConnectError;
use crate::own_task::in_own_task;
use crate::reconnect::{Reconnect, Renewal};

impl ClientBuilder {
    /// Connects to a `ws://` URL, or with the feature `tls` to a `wss://` one.
    ///
    /// A name is looked up, and its addresses are tried one after the other, each 250 ms after the one before
    /// it or when that has failed, until one of them answers (RFC 8305).
    ///
    /// # Errors
    /// [`ConnectError`] says at which step and why. Nothing is left open. A client that reconnects fails here
    /// as well: what is tried again is what was lost.
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
    ///
    /// # Cancel safety
    /// As [`ClientBuilder::connect`].
    pub async fn connect_transport(mut self, url: &str) -> Result<impl Transport + use<>, ConnectError> {
        self.opening.settle(&self.config.dialect);
        Ok(self.opening.open(url, History::none(), &self.config.limits).await?.0)
    }

    /// [`ClientBuilder::connect`] over a [`Transport`] of the application's own, such as another WebSocket
    /// library's. `open` is called for the first connection and, with [`ClientBuilder::reconnect`], for each
    /// that follows. It gives the transport, whose handshake is done, and what is known of it; of that the
    /// subprotocol decides whether both sides speak `birpc.v1`.
    ///
    /// `open` has [`birpc_core::Limits::handshake_timeout`]. What the builder says of URLs, headers,
    /// subprotocols to offer, TLS, [`ClientBuilder::dial`] and [`ClientBuilder::before_attempt`] is not used:
    /// all of it is `open`'s.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use birpc_client::{Client, Reconnect};
    /// use birpc_core::ConnectionInfo;
    /// use birpc_core::transport::{Role, WebSocket};
    /// use birpc_core::Limits;
    ///
    /// // WebSocket frames over a stream that needs no handshake.
    /// let client = Client::builder()
    ///     .reconnect(Reconnect::default())
    ///     .connect_over(|| async {
    ///         let stream = tokio::net::TcpStream::connect("127.0.0.1:9944").await?;
    ///         let transport = WebSocket::new(stream, Vec::new(), Role::Client, &Limits::default());
    ///         Ok::<_, std::io::Error>((transport, ConnectionInfo::default()))
    ///     })
    ///     .await?;
    /// # drop(client);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ConnectError::Transport`] with the error that `open` returned, or if it panics; a [`ConnectError`]
    /// is returned as it is.
    ///
    /// # Cancel safety
    /// As [`ClientBuilder::connect`].
    pub async fn connect_over<D, F, T, E>(mut self, open: D) -> Result<Client, ConnectError>
    where
        D: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(T, ConnectionInfo), E>> + Send + 'static,
        T: Transport,
        E: Into<BoxError>,
    {
        let (layers, reconnect) = (std::mem::take(&mut self.layers), self.reconnect.take());
        let after = self.config.limits.handshake_timeout;
        let open = Arc::new(open);
        let dial = move |_: History| {
            let open = open.clone();
            let opening =
                async move { open().await.map_err(|error| ConnectError::of_transport(error.into())) };
            async move {
                let opening = in_own_task("the function that opens a transport panicked", opening);
                let late = |_| ConnectError::TimedOut {
                    address: "the transport".into(),
                    after,
                    during: "waiting for the function that opens it".into(),
                };
                let opened = tokio::time::timeout(after, opening).await.map_err(late)?;
                opened.unwrap_or_else(|| {
                    Err(ConnectError::Transport("the function that opens it panicked".into()))
                })
            }
        };
        let client = match reconnect {
            Some(reconnect) => self.keep_connected(reconnect, dial).await?,
            None => {
                self.router.check()?;
                self.run(dial(History::none()).await?)
            }
        };
        Ok(client.map_peer(|peer| layers.around(peer)))
    }

    /// Boxed: as a plain `async fn`, all that a connection consists of would be compiled anew in each crate
    /// that connects, and not in this one.
    fn boxed_connect<'a>(
        self,
        url: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Client, ConnectError>> + Send + 'a>> {
        Box::pin(self.open_client(url))
    }

    async fn open_client(mut self, url: &str) -> Result<Client, ConnectError> {
        self.opening.settle(&self.config.dialect);
        let (layers, reconnect) = (std::mem::take(&mut self.layers), self.reconnect.take());
        let client = match reconnect {
            Some(reconnect) => {
                let (builder, url) = (Arc::new(self), Arc::<str>::from(url));
                let dial = {
                    let builder = builder.clone();
                    move |history| {
                        let (builder, url) = (builder.clone(), url.clone());
                        async move { builder.opening.open(&url, history, &builder.config.limits).await }
                    }
                };
                builder.keep_connected(reconnect, dial).await?
            }
            None => {
                self.router.check()?;
                let opened = self.opening.open(url, History::none(), &self.config.limits).await?;
                self.run(opened)
            }
        };
        Ok(client.map_peer(|peer| layers.around(peer)))
    }

    /// One connection, and none after it.
    fn run<T: Transport>(self, (transport, info): (T, ConnectionInfo)) -> Client {
        let (peer, connection) = Connection::new(transport, Arc::new(self.config), info);
        tokio::spawn(connection.serve(self.router));
        Client::new(crates::closing_on_drop(peer), None)
    }

    async fn keep_connected<D, F, T>(&self, reconnect: Reconnect, dial: D) -> Result<Client, ConnectError>
    where
        D: Fn(History) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(T, ConnectionInfo), ConnectError>> + Send + 'static,
        T: Transport,
    {
        self.router.check()?;
        let first = dial(History::none()).await?;
        let config = Arc::new(self.config.clone());
        let (peer, now, renewal) =
            Renewal::new(reconnect, config, first.1.clone(), self.router.clone(), dial);
        let client = Client::new(crates::closing_on_drop(peer), Some(now));
        tokio::spawn(renewal.run(first));
        crates::connected(client.peer()).await.map_err(ConnectError::Closed)?;
        Ok(client)
    }
}
