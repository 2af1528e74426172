//! Plays the blocks of a file, each on a connection of its own.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use birpc::transport::{Role, Transport, memory_pair};
use birpc::{CloseReason, Config, Connection, ConnectionInfo, Server};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::check;
use super::script::{Action, Block, Message, shortened};
use super::service;
use super::wire::{ForeignPeer, Received};

const FENCE: &str = r#"{"jsonrpc":"2.0","id":"the fence","method":"fence"}"#;
const FENCE_ANSWER: &str = r#"{"jsonrpc":"2.0","id":"the fence","result":null}"#;

/// Longer than any test takes on a busy machine, so that a hanging test fails.
const HANGS: Duration = Duration::from_secs(30);

/// Plays a file over the in-memory pair.
pub(crate) async fn in_memory(path: &Path) {
    let mut failures = Failures::new(path);
    for block in failures.blocks().iter().filter(|block| !block.socket_only) {
        let (near, mut far) = memory_pair();
        let mut info = ConnectionInfo::default();
        info.subprotocol = Some(block.subprotocol.clone());
        let running = serve(near, info);
        failures.note(block, play(block, &mut far).await);
        drop(far);
        ends(running).await;
    }
    failures.report();
}

/// Serves the methods of the transcripts.
fn serve<T: Transport>(transport: T, info: ConnectionInfo) -> JoinHandle<CloseReason> {
    let (_peer, connection) = Connection::new(transport, Arc::new(Config::default()), info);
    tokio::spawn(connection.serve(Arc::new(service::router())))
}

/// Whatever was sent, the connection neither panics nor continues without its peer.
async fn ends(running: JoinHandle<CloseReason>) {
    let ended = tokio::time::timeout(HANGS, running).await.expect("the connection ends");
    ended.expect("the connection does not panic");
}

/// Plays a file over a socket of this machine.
pub(crate) async fn over_a_socket(path: &Path) {
    let server = Server::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = server.local_addr().expect("the server's address");
    let handle = server.handle();
    let serving = tokio::spawn(server.serve_with(|_| service::router()));
    let mut failures = Failures::new(path);
    for block in &failures.blocks() {
        let stream = TcpStream::connect(address).await.expect("a connection");
        let mut far = open(stream, &block.subprotocol).await;
        failures.note(block, play(block, &mut far).await);
    }
    handle.stop();
    let ended = tokio::time::timeout(HANGS, serving).await.expect("the server is shutting down");
    ended.expect("the server does not panic").expect("the router has no duplicates");
    failures.report();
}

/// Plays a file over sockets that tokio-tungstenite accepts.
pub(crate) async fn over_tungstenite(path: &Path) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("the listener's address");
    let mut failures = Failures::new(path);
    for block in &failures.blocks() {
        let connecting = async {
            let stream = TcpStream::connect(address).await.expect("a connection");
            open(stream, &block.subprotocol).await
        };
        let accepting = async {
            let (stream, _) = listener.accept().await.expect("a client");
            #[allow(clippy::result_large_err)] // tungstenite's own
            let agree = |_: &Request, mut response: Response| {
                let value = named(&block.subprotocol);
                response.headers_mut().insert("Sec-WebSocket-Protocol", value);
                Ok(response)
            };
            tokio_tungstenite::accept_hdr_async(stream, agree).await.expect("the opening handshake")
        };
        let (mut far, near) = tokio::join!(connecting, accepting);
        let transport = birpc::tungstenite::WebSocket::new(near, Role::Server);
        let info = ConnectionInfo::default().with_subprotocol(&block.subprotocol);
        let running = serve(transport, info);
        failures.note(block, play(block, &mut far).await);
        drop(far);
        ends(running).await;
    }
    failures.report();
}

async fn open(stream: TcpStream, subprotocol: &str) -> WebSocketStream<TcpStream> {
    let address = stream.peer_addr().expect("the address just connected to");
    let mut request = format!("ws://{address}/").into_client_request().expect("a request");
    request.headers_mut().insert("Sec-WebSocket-Protocol", named(subprotocol));
    tokio_tungstenite::client_async(request, stream).await.expect("the opening handshake").0
}

fn named(subprotocol: &str) -> HeaderValue {
    HeaderValue::from_str(subprotocol).expect("the name of a subprotocol")
}

/// Plays one block. An error says what was expected and what came.
async fn play(block: &Block, far: &mut impl ForeignPeer) -> Result<(), (usize, String)> {
    for step in &block.steps {
        play_step(&step.action, far).await.map_err(|error| (step.line, error))?;
    }
    if block.ends_closed() {
        return Ok(());
    }
    let last = block.steps.last().expect("a block has steps");
    let nothing_else = fence(far).await;
    nothing_else.map_err(|error| (last.line, format!("then {error}")))
}

async fn play_step(action: &Action, far: &mut impl ForeignPeer) -> Result<(), String> {
    match action {
        Action::Send { times, message } => {
            for _ in 0..*times {
                far.send(message.clone()).await;
            }
            Ok(())
        }
        Action::SendClose(frame) => {
            far.close(frame.clone()).await;
            Ok(())
        }
        Action::Expect { times, expected } => {
            for n in 1..=*times {
                match recv(far).await {
                    Received::Text(text) if expected.matches(&Message::Text(text.clone().into())) => {}
                    other => return Err(unlike(&format!("{} ({n} of {times})", expected.text()), &other)),
                }
            }
            Ok(())
        }
        Action::ExpectNothing => fence(far).await,
        Action::ExpectClose { code, reason } => expect_close(*code, reason.as_deref(), far).await,
    }
}

/// All messages of the peer come before the fence's answer.
async fn fence(far: &mut impl ForeignPeer) -> Result<(), String> {
    far.send(Message::Text(FENCE.into())).await;
    match recv(far).await {
        Received::Text(text) if text == FENCE_ANSWER => Ok(()),
        other => Err(unlike("nothing", &other)),
    }
}

async fn expect_close(code: u16, reason: Option<&str>, far: &mut impl ForeignPeer) -> Result<(), String> {
    let expected = format!("close {code} {}", reason.unwrap_or_default());
    match recv(far).await {
        Received::Close(got, why) if got == code && reason.is_none_or(|reason| reason == why) => {}
        other => return Err(unlike(&expected, &other)),
    }
    match recv(far).await {
        Received::End => Ok(()),
        other => Err(unlike("the end of the stream", &other)),
    }
}

async fn recv(far: &mut impl ForeignPeer) -> Received {
    let received = tokio::time::timeout(HANGS, far.recv()).await;
    received.unwrap_or_else(|_| Received::Wrong("nothing at all".into()))
}

fn unlike(expected: &str, got: &Received) -> String {
    let got = match got {
        Received::Text(text) => text.clone(),
        Received::Close(code, reason) => format!("close {code} {reason}"),
        Received::End => "the end of the stream".into(),
        Received::Wrong(what) => what.clone(),
    };
    format!("expected {}\n     got {}", shortened(expected), shortened(&got))
}

/// All failures in a file, since one cause often shows in several blocks.
struct Failures {
    file: String,
    text: String,
    failures: Vec<String>,
}

impl Failures {
    fn new(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { file, text, failures: Vec::new() }
    }

    fn blocks(&self) -> Vec<Block> {
        check::parse(&self.text).unwrap_or_else(|error| panic!("{}:{error}", self.file))
    }

    fn note(&mut self, block: &Block, played: Result<(), (usize, String)>) {
        if let Err((line, error)) = played {
            self.failures.push(format!("{}:{line}: {}\n{error}", self.file, block.title));
        }
    }

    fn report(&self) {
        let count = self.failures.len();
        assert!(count == 0, "{count} blocks failed\n\n{}\n", self.failures.join("\n\n"));
    }
}
