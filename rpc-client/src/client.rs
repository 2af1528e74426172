//! A client: an open connection to a server.

use std::ops::Deref;
use std::pin::Pin;

use birpc_core::{CloseReason, IntoCloseCode, InvalidClose, Peer};

use crate::reconnect::Now;

/// An open connection to a server. It closes with 1000 when this value and every [`Peer`], stub, call,
/// notification and [`birpc_core::Events`] made from it are dropped.
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
    /// `Some` for a client that reconnects.
    now: Option<Now>,
}

impl Client {
    pub(crate) fn new(peer: Peer, now: Option<Now>) -> Self {
        Self { peer, now }
    }

    /// Replaces the handle.
    pub(crate) fn map_peer(self, change: impl FnOnce(Peer) -> Peer) -> Self {
        Self { peer: change(self.peer), now: self.now }
    }

    /// The handle for calling and notifying the server. A clone of it may be kept, with its own layers and
    /// timeout ([`Peer::with_timeout`]).
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The URL of the first connection. [`crate::ClientBuilder::before_attempt`] may have chosen another one
    /// since.
    #[must_use]
    pub fn url(&self) -> &str {
        self.peer.url().unwrap_or_default()
    }

    /// Closes the connection at once; see [`Peer::close`]. To wait until queued messages have been sent and
    /// the connection has ended, await the returned value:
    ///
    /// ```no_run
    /// # async fn example(client: birpc_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let reason = client.close(1000, "done")?.await;
    /// # Ok(()) }
    /// ```
    /// # Errors
    /// [`InvalidClose`] if the code or reason cannot be sent; the connection stays open.
    pub fn close(&self, code: impl IntoCloseCode, reason: &str) -> Result<Closing, InvalidClose> {
        self.peer.close(code, reason)?;
        Ok(Closing { peer: self.peer.clone() })
    }

    /// Makes a client that reconnects and has no connection try to connect now. Call this when the
    /// application knows that the network is back or that the machine has woken up. The wait before the next
    /// attempt ends, and the backoff starts over. An attempt that has been running for a second or more is
    /// replaced by a new one; a more recent one continues.
    ///
    /// While the connection is up this has no effect. Keepalive finds out whether the connection still works.
    pub fn connect_now(&self) {
        if let Some(now) = &self.now {
            now.ask();
        }
    }
}

/// A client can do everything that the [`Peer`] of its server can do.
impl Deref for Client {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.peer
    }
}

/// A close requested with [`Client::close`]. Awaiting it returns the reason once the connection has ended,
/// which takes at most [`birpc_core::Limits::close_timeout`]. Dropping it does not undo the close.
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
