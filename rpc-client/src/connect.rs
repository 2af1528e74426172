//! Connects a client that a builder describes.

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
    /// Connects to a `ws://` URL, or with the feature `tls` to a `wss://` URL.
    ///
    /// If the host is a name, its addresses are tried one after the other, each 250 ms after the previous one
    /// or as soon as that one has failed, until one answers (RFC 8305).
    ///
    /// # Errors
    /// [`ConnectError`] names the step that failed and the reason. Nothing stays open. The first connection
    /// is not retried, even if the client reconnects: only a connection that was up is restored.
    ///
    /// # Cancel safety
    /// Dropping the future closes everything that it opened.
    pub async fn connect(self, url: &str) -> Result<Client, ConnectError> {
        self.boxed_connect(url).await
    }

    /// Connects and returns the frames themselves, without JSON-RPC, for other protocols over the same
    /// handshake.
    ///
    /// # Errors
    /// As for [`ClientBuilder::connect`].
    ///
    /// # Cancel safety
    /// As for [`ClientBuilder::connect`].
    pub async fn connect_transport(mut self, url: &str) -> Result<impl Transport + use<>, ConnectError> {
        self.opening.settle(&self.config.dialect);
        Ok(self.opening.open(url, History::none(), &self.config.limits).await?.0)
    }

    /// [`ClientBuilder::connect`] over a [`Transport`] of the application's, such as that of another
    /// WebSocket library. `open` is called for the first connection and, with [`ClientBuilder::reconnect`],
    /// for each further one. It returns the transport after its handshake, and what is known about it; if the
    /// subprotocol is `birpc.v1`, the connection speaks that.
    ///
    /// `open` has [`birpc_core::Limits::handshake_timeout`]. The builder's settings for URLs, headers,
    /// subprotocols, TLS, [`ClientBuilder::dial`] and [`ClientBuilder::before_attempt`] are not used: all of
    /// that is up to `open`.
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
    /// # Errors
    /// [`ConnectError::Transport`] with the error that `open` returned, or if it panics. If the error is
    /// itself a [`ConnectError`], it is returned unchanged.
    ///
    /// # Cancel safety
    /// As for [`ClientBuilder::connect`].
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

    /// Boxed: a plain `async fn` would be compiled again, with everything that a connection consists of, in
    /// each crate that connects.
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

    /// Serves one connection, without reconnecting.
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
