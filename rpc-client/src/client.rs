//! An open connection to a server.

use std::pin::Pin;

use birpc_core::{CloseReason, ConnectionState, Events, InvalidClose, Peer};

use crate::builder::ClientBuilder;
use crate::error::ConnectError;
use crate::layers::Layers;
use crate::reconnect::Now;

/// An open connection to a server. It closes with 1000 when this is gone, and every [`Peer`], stub, call,
/// notification and [`Events`] that was made from it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use birpc_client::Client;
///
/// let client = Client::connect("ws://127.0.0.1:9944/").await?;
/// let sum: i64 = client.peer().call("add", (1, 2)).await?;
/// client.close(1000, "done")?;
/// println!("{}", client.closed().await);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    peer: Peer,
    /// Of a client that reconnects.
    now: Option<Now>,
}

impl Client {
    pub(crate) fn new(peer: Peer, now: Option<Now>) -> Self {
        Self { peer, now }
    }

    pub(crate) fn behind(self, layers: Layers) -> Self {
        Self { peer: layers.around(self.peer), now: self.now }
    }

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

    /// The server, to be called and notified.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// A typed stub of the server: `let chat: ChatClient = client.stub();`.
    #[must_use]
    pub fn stub<S: From<Peer>>(&self) -> S {
        self.peer.stub()
    }

    /// Where the connection is in its life: open, closing or closed; connecting in an outage, if it
    /// reconnects.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.peer.state()
    }

    /// The URL that it was connected to first. [`ClientBuilder::before_attempt`] may have chosen another one
    /// since.
    #[must_use]
    pub fn url(&self) -> &str {
        self.peer.url().unwrap_or_default()
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.peer.subprotocol()
    }

    /// The extensions that were agreed on: none today.
    #[must_use]
    pub fn extensions(&self) -> &str {
        self.peer.extensions()
    }

    /// Bytes that were given to it and that the operating system has not taken yet; see
    /// [`Peer::buffered_amount`].
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.peer.buffered_amount()
    }

    /// The connection's events; see [`Peer::events`].
    #[must_use]
    pub fn events(&self) -> Events {
        self.peer.events()
    }

    /// Closes the connection; see [`Peer::close`]. It takes effect at once. To wait until what was sent
    /// before is out and the connection has ended, await what it gives:
    ///
    /// ```no_run
    /// # async fn example(client: birpc_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let reason = client.close(1000, "done")?.await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidClose`] for a code or reason that may not be sent; the connection stays open.
    pub fn close(&self, code: u16, reason: &str) -> Result<Closing, InvalidClose> {
        self.peer.close(code, reason)?;
        Ok(Closing { peer: self.peer.clone() })
    }

    /// Tries to connect now, if the client reconnects and has no connection: for an application that knows
    /// that the network is back, or that the machine has woken up. The delay before the next attempt ends,
    /// and the backoff starts over. An attempt that has been under way for a second or more is given up for a
    /// new one; a younger one goes on.
    ///
    /// While the connection is up this does nothing: whether it still is is for keepalive to find out.
    pub fn connect_now(&self) {
        if let Some(now) = &self.now {
            now.ask();
        }
    }

    /// Waits until the connection has ended, and says why. If it reconnects: until no further one is to come.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn closed(&self) -> CloseReason {
        self.peer.closed().await
    }
}

/// A close that was asked for with [`Client::close`]. Awaited, it gives the reason when the connection has
/// ended, which takes at most [`birpc_core::Limits::close_timeout`]. Dropping it changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    peer: Peer,
}

impl IntoFuture for Closing {
    type Output = CloseReason;
    type IntoFuture = Pin<Box<dyn Future<Output = CloseReason> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.peer.closed().await })
    }
}
