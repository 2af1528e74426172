//! Helpers for the integration tests: two peers connected in memory or over a socket, and a raw peer for
//! messages that birpc itself would never send.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

pub mod bytes;
pub mod connection;
pub mod front;
pub mod house;
pub mod http;
pub mod logs;
pub mod modules;
pub mod pending;
pub mod process;
pub mod proxied;
pub mod proxy;
mod raw;
mod redial;
pub mod servers;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use birpc::transport::{Role, memory_pair};
use birpc::{
    CallError, Client, ClientBuilder, Config, Connection, ConnectionInfo, ErrorObject, IntoRouter, Limits,
    Peer, Router, Server, ServerHandle,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;

#[allow(unused_imports)] // of the binaries that use them
pub use raw::{Heard, Raw};
#[allow(unused_imports)]
pub use redial::{Dials, unreachable};

/// Where a server listens that is to listen on the same port again later. No other test uses the address of
/// its `host` (2 to 254), and no connection begins there: neither can take the port while the server is away.
/// Systems other than Linux have 127.0.0.1 alone.
pub fn own_address(host: u8) -> String {
    let host = if cfg!(target_os = "linux") { host } else { 1 };
    format!("127.0.0.{host}:0")
}

/// How two peers are connected. Their behaviour must not depend on it.
#[derive(Clone, Copy, Debug)]
pub enum Join {
    Memory,
    Socket,
    /// Sockets of tokio-tungstenite at both ends.
    Tungstenite,
}

/// The params of a method that takes none.
pub type NoParams = Option<()>;

/// One end of a connection: its router and its settings.
#[derive(Default)]
pub struct Side {
    router: Arc<Router>,
    config: Config,
}

/// Both ends of a connection.
pub struct Pair {
    /// The client's handle, for calls to the server.
    pub client: Peer,
    /// The server's handle, for calls to the client.
    pub server: Peer,
    server_end: AbortHandle,
}

impl Side {
    pub fn new(router: impl IntoRouter) -> Self {
        Self { router: router.into_router(), config: Config::default() }
    }

    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.config.limits);
        self
    }

    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Limits the number of calls in flight, and the other limits accordingly.
    pub fn in_flight(self, count: usize) -> Self {
        self.limits(|limits| {
            limits.max_in_flight = count;
            limits.max_open = limits.max_open.max(count * 4);
        })
    }

    /// The builder of a client that has not connected yet.
    pub fn client(self) -> ClientBuilder {
        Client::builder()
            .limits(|limits| *limits = self.config.limits)
            .keepalive(self.config.keepalive)
            .dialect(self.config.dialect)
            .lenient_version(self.config.lenient_version)
            .pause_reading(self.config.pause_reading)
            .overflow(self.config.overflow)
            .serve(self.router)
    }
}

impl Pair {
    /// Ends the connection at the server without a close frame.
    pub fn cut(&self) {
        self.server_end.abort();
    }
}

impl Join {
    /// Connects a client and a server that speak `birpc.v1`.
    pub async fn peers(self, client: Side, server: Side) -> Pair {
        self.peers_of(Some("birpc.v1"), client, server).await
    }

    pub async fn peers_of(self, subprotocol: Option<&str>, client: Side, server: Side) -> Pair {
        match self {
            Self::Memory => {
                let (near, far) = memory_pair();
                let (client_peer, connection) =
                    Connection::new(near, Arc::new(client.config), info(subprotocol));
                tokio::spawn(connection.serve(client.router));
                let (server_peer, connection) =
                    Connection::new(far, Arc::new(server.config), info(subprotocol));
                let server_end = tokio::spawn(connection.serve(server.router)).abort_handle();
                Pair { client: client_peer, server: server_peer, server_end }
            }
            Self::Socket => {
                let mut listening = listen(server).await;
                let client = client.client().subprotocols(subprotocol);
                let client = client.connect(&listening.url()).await.expect("the server is there");
                let server = listening.connected.recv().await.expect("the server runs");
                Pair { client: client.peer().clone(), server, server_end: listening.task }
            }
            Self::Tungstenite => {
                let (near, far) = sockets(subprotocol).await;
                let (client, _) = tungstenite_end(near, Role::Client, subprotocol, client);
                let (server, server_end) = tungstenite_end(far, Role::Server, subprotocol, server);
                Pair { client, server, server_end }
            }
        }
    }

    /// Connects a server and a peer that sends anything that the test wants.
    pub async fn raw(self, subprotocol: Option<&str>, server: Side) -> (Raw, Peer) {
        match self {
            Self::Memory => {
                let (near, far) = memory_pair();
                let (peer, connection) = Connection::new(far, Arc::new(server.config), info(subprotocol));
                tokio::spawn(connection.serve(server.router));
                (Raw::Memory(near), peer)
            }
            Self::Socket => {
                let mut listening = listen(server).await;
                let stream = TcpStream::connect(listening.address).await.expect("the server listens");
                let raw = Raw::connect(stream, &listening.url(), subprotocol).await;
                (raw, listening.connected.recv().await.expect("the server runs"))
            }
            Self::Tungstenite => {
                let (near, far) = sockets(subprotocol).await;
                let (peer, _) = tungstenite_end(far, Role::Server, subprotocol, server);
                (Raw::Socket(Box::new(near)), peer)
            }
        }
    }
}

/// Connects two sockets of tokio-tungstenite: the client's and the server's.
pub async fn sockets(subprotocol: Option<&str>) -> (WebSocketStream<TcpStream>, WebSocketStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut request = format!("ws://{address}/").into_client_request().expect("a URL");
    let offered = subprotocol.map(|name| HeaderValue::from_str(name).expect("a token"));
    request.headers_mut().extend(offered.map(|name| (SEC_WEBSOCKET_PROTOCOL, name)));
    let connecting = async {
        let stream = TcpStream::connect(address).await.expect("it listens");
        stream.set_nodelay(true).expect("an open socket");
        tokio_tungstenite::client_async(request, stream).await.expect("an upgrade").0
    };
    let accepting = async {
        let (stream, _) = listener.accept().await.expect("a client");
        stream.set_nodelay(true).expect("an open socket");
        // The server accepts the subprotocol that the client offers.
        #[allow(clippy::result_large_err)] // tungstenite's own
        let agree = |request: &Request, mut response: Response| {
            let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL).cloned();
            response.headers_mut().extend(offered.map(|name| (SEC_WEBSOCKET_PROTOCOL, name)));
            Ok(response)
        };
        tokio_tungstenite::accept_hdr_async(stream, agree).await.expect("an upgrade")
    };
    tokio::join!(connecting, accepting)
}

/// One end of a connection over a socket of tokio-tungstenite.
pub fn tungstenite_end(
    socket: WebSocketStream<TcpStream>,
    role: Role,
    subprotocol: Option<&str>,
    side: Side,
) -> (Peer, AbortHandle) {
    let transport = birpc::tungstenite::WebSocket::new(socket, role);
    let (peer, connection) = Connection::new(transport, Arc::new(side.config), info(subprotocol));
    (peer, tokio::spawn(connection.serve(side.router)).abort_handle())
}

/// A running server on a port that the system chose.
pub struct Listening {
    pub address: SocketAddr,
    pub handle: ServerHandle,
    pub connected: mpsc::UnboundedReceiver<Peer>,
    pub task: AbortHandle,
}

impl Listening {
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }
}

pub async fn listen(side: Side) -> Listening {
    let (entered, connected) = mpsc::unbounded_channel();
    let server = Server::builder()
        .limits(|limits| *limits = side.config.limits)
        .keepalive(side.config.keepalive)
        .dialect(side.config.dialect)
        .lenient_version(side.config.lenient_version)
        .pause_reading(side.config.pause_reading)
        .overflow(side.config.overflow)
        .on_connect(move |peer| {
            let _ = entered.send(peer); // a test that is over listens no more
            async {}
        })
        .bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let (address, handle) = (server.local_addr().expect("it is bound"), server.handle());
    let task = tokio::spawn(server.serve(side.router)).abort_handle();
    Listening { address, handle, connected, task }
}

fn info(subprotocol: Option<&str>) -> ConnectionInfo {
    let mut info = ConnectionInfo::default();
    info.subprotocol = subprotocol.map(str::to_owned);
    info
}

/// Fails a test that would wait for ever. The limit is far longer than any test takes, since the machine may
/// be busy.
pub async fn bounded<F: Future>(test: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(120), test).await.expect("the test hangs")
}

/// The code of an error reply; 0 for any other outcome.
pub fn code<T>(outcome: &Result<T, CallError>) -> i64 {
    match outcome {
        Err(CallError::Method(error) | CallError::Rpc(error)) => error.code(),
        _ => 0,
    }
}

/// Sends a message when dropped. A handler owns one while it runs.
pub struct OnDrop(Option<mpsc::UnboundedSender<()>>);

impl OnDrop {
    pub fn tell(sender: &mpsc::UnboundedSender<()>) -> Self {
        Self(Some(sender.clone()))
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(()); // the receiver may be gone
        }
    }
}

/// The state of requests that are never answered: when their handlers began and were dropped.
pub struct Hanging {
    pub began: mpsc::UnboundedReceiver<()>,
    pub dropped: mpsc::UnboundedReceiver<()>,
}

/// A router that serves `hang`.
pub fn hanging() -> (Router, Hanging) {
    let (begin, began) = mpsc::unbounded_channel();
    let (end, dropped) = mpsc::unbounded_channel();
    let router = Router::new().method("hang", move |_, _: NoParams| {
        let guard = OnDrop::tell(&end);
        begin.send(()).expect("the test listens");
        async move {
            let _guard = guard;
            std::future::pending::<Result<(), ErrorObject>>().await
        }
    });
    (router, Hanging { began, dropped })
}

/// A list of events, in order.
#[derive(Clone)]
pub struct Record<T>(Arc<Mutex<Vec<T>>>);

// Not derived, since `T` need not implement `Default`.
impl<T> Default for Record<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Record<T> {
    pub fn push(&self, value: T) {
        self.0.lock().expect("nothing panics under the lock").push(value);
    }

    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().expect("nothing panics under the lock"))
    }
}

/// Runs each test over the in-memory pair, and (on several threads) over a socket, and over a socket of
/// tokio-tungstenite.
#[allow(unused_macros)] // of the binaries that use it
macro_rules! over_both {
    ($($name:ident)*) => {$(
        mod $name {
            #[tokio::test]
            async fn in_memory() {
                $crate::support::bounded(super::$name($crate::support::Join::Memory)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_a_socket() {
                $crate::support::bounded(super::$name($crate::support::Join::Socket)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_tungstenite() {
                $crate::support::bounded(super::$name($crate::support::Join::Tungstenite)).await;
            }
        }
    )*};
}
#[allow(unused_imports)] // of the binaries that use it
pub(crate) use over_both;
