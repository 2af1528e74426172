//! Connects clients to a server in the same process, without a port, for tests.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

use birpc_core::IntoRouter;
use birpc_core::middleware::BoxError;
use birpc_core::testing::InMemoryClient;
use tokio::io::DuplexStream;

use crate::acceptor::Acceptor;
use crate::builder::ServerBuilder;
use crate::front;
use crate::handle::ServerHandle;

/// The number of bytes that each direction of a stream holds, as a socket's buffers do.
const CAPACITY: usize = 64 << 10;

impl Acceptor {
    /// Connects a client to this acceptor over a stream in memory, without a port, for tests of applications.
    ///
    /// Everything else works as in production: the opening handshake with its headers, `authorize` and the
    /// other hooks, the subprotocol (`birpc.v1` by default, so cancels reach the other side), WebSocket
    /// frames, all limits, layers and [`ServerHandle::shutdown`]. A client that reconnects does so over a new
    /// stream. There is no TCP and no TLS. Each client seems to come from 127.0.0.1 and a port of its own. It
    /// requests the server's [`ServerBuilder::path`] at `localhost`, or at the first host of
    /// [`ServerBuilder::hosts`]; `ClientBuilder::before_attempt` may change the URL. Time may be paused
    /// (`tokio::time::pause`).
    ///
    /// ```
    /// # mod birpc { pub use birpc_client::*; pub use birpc_core::*; pub use birpc_server::*; }
    /// use birpc::{Client, Context, ErrorObject, Grant, Refusal, Router, Server, ServerBuilder};
    ///
    /// struct User(String);
    ///
    /// // As in production, without the address.
    /// fn server() -> ServerBuilder {
    ///     Server::builder().authorize(|request| async move {
    ///         let token = request.bearer().ok_or_else(|| Refusal::unauthorized("log in first"))?;
    ///         Ok(Grant::new().with(User(token.to_owned())))
    ///     })
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let whoami = |cx: Context, _: Option<()>| async move {
    ///     Ok::<_, ErrorObject>(cx.get::<User>().map(|user| user.0.clone()))
    /// };
    /// let server = server().mount(Router::new().method("whoami", whoami))?;
    ///
    /// let ada = server.connect_in_memory(Client::builder().header("authorization", "Bearer ada")).await?;
    /// assert_eq!(ada.peer().call::<String>("whoami", ()).await?, "ada");
    /// assert!(server.connect_in_memory(Client::builder()).await.is_err()); // refused with 401
    /// # Ok(()) }
    /// ```
    /// # Errors
    /// The errors of the client: `ConnectError`.
    ///
    /// # Cancel safety
    /// Dropping the future closes everything that it opened.
    pub async fn connect_in_memory<C: InMemoryClient>(&self, client: C) -> Result<C::Client, C::Error> {
        let (acceptor, url) = (self.clone(), self.url_in_memory());
        client.connect_over_streams(url, move || acceptor.open_in_memory()).await
    }

    fn url_in_memory(&self) -> String {
        let rules = &self.shared.rules;
        format!("ws://{}{}", rules.hosts.first().unwrap_or("localhost"), rules.path.as_deref().unwrap_or("/"))
    }

    /// Returns the client's end of a stream whose other end is served.
    fn open_in_memory(&self) -> DuplexStream {
        /// Ports that are not used for listening distinguish the clients.
        static PORT: AtomicU16 = AtomicU16::new(1);
        let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT.fetch_add(1, Ordering::Relaxed)));
        let (near, far) = tokio::io::duplex(CAPACITY);
        tokio::spawn(front::serve_stream(self.clone(), near, remote, IpAddr::from(Ipv4Addr::LOCALHOST)));
        far
    }
}

impl ServerBuilder {
    /// Serves a router to one client in this process, over a stream in memory, for tests of applications. TLS
    /// is left out. [`Acceptor::connect_in_memory`] says what works as in production. For several clients,
    /// [`ServerBuilder::mount`] the router and connect each of them to the acceptor.
    ///
    /// ```
    /// # mod birpc { pub use birpc_client::*; pub use birpc_core::*; pub use birpc_server::*; }
    /// use birpc::{Client, Context, ErrorObject, Router, Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// let add = |_: Context, (a, b): (i64, i64)| async move { Ok::<_, ErrorObject>(a + b) };
    /// let router = Router::new().method("add", add);
    /// let (client, _server) = Server::builder().connect_in_memory(router, Client::builder()).await?;
    /// assert_eq!(client.peer().call::<i64>("add", (1, 2)).await?, 3);
    /// # Ok(()) }
    /// ```
    /// # Errors
    /// The errors of [`ServerBuilder::mount`] and of the client.
    /// Those of [`ServerBuilder::mount`] and of the client.
    pub async fn connect_in_memory<C: InMemoryClient>(
        self,
        router: impl IntoRouter,
        client: C,
    ) -> Result<(C::Client, ServerHandle), BoxError> {
        let acceptor = self.without_tls().mount(router)?;
        let client = acceptor.connect_in_memory(client).await?;
        Ok((client, acceptor.handle()))
    }
}
