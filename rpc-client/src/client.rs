//! An open connection to a server.

use birpc_core::{CloseReason, InvalidClose, Peer};

use crate::builder::ClientBuilder;
use crate::error::ConnectError;

/// An open connection to a server. It closes with 1000 when this and every [`Peer`] and stub that was made
/// from it are gone.
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
}

impl Client {
    pub(crate) fn new(peer: Peer) -> Self {
        Self { peer }
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
        ClientBuilder::new()
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

    /// Closes the connection; see [`Peer::close`].
    ///
    /// # Errors
    /// [`InvalidClose`] for a code or reason that may not be sent; the connection stays open.
    pub fn close(&self, code: u16, reason: &str) -> Result<(), InvalidClose> {
        self.peer.close(code, reason)
    }

    /// Waits until the connection has ended, and says why.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn closed(&self) -> CloseReason {
        self.peer.closed().await
    }
}
