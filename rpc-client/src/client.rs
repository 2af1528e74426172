//! An open connection to a server.

use std::ops::Deref;
use std::pin::Pin;

use birpc_core::{CloseReason, IntoCloseCode, InvalidClose, Peer};

use crate::reconnect::Now;

/// An open connection to a server. It closes with 1000 when this is gone, and every [`Peer`], stub, call,
/// notification and [`birpc_core::Events`] that was made from it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use birpc_client::Client;
///
/// let client = Client::connect("ws://127.0.0.1:9944/").await?;
/// let sum: i64 = client.call("add", (1, 2)).await?;
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

    /// The same client with another handle.
    pub(crate) fn map_peer(self, change: impl FnOnce(Peer) -> Peer) -> Self {
        Self { peer: change(self.peer), now: self.now }
    }

    /// The server, to be called and notified: a handle that may be kept, and that has layers and timeouts of
    /// its own ([`Peer::with_timeout`]).
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The URL that it was connected to first. [`crate::ClientBuilder::before_attempt`] may have chosen
    /// another one since.
    #[must_use]
    pub fn url(&self) -> &str {
        self.peer.url().unwrap_or_default()
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
    pub fn close(&self, code: impl IntoCloseCode, reason: &str) -> Result<Closing, InvalidClose> {
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
}

/// A client is a handle on its server: all that a [`Peer`] does, it does.
impl Deref for Client {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.peer
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
