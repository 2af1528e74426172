//! How a connection is opened, and all the ways in which opening fails.

use std::time::Duration;

use birpc::{Client, ClientBuilder, ConnectError, ErrorObject, Router, Server, ServerBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{NoParams, bounded};

/// Connects to a server that answers with these bytes and disconnects.
async fn connect_to(answer: &'static str) -> Result<Client, ConnectError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    let serve = async {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.expect("a whole request"));
        }
        stream.write_all(answer.as_bytes()).await.expect("a client");
        stream.shutdown().await.expect("a client");
        stream
    };
    bounded(async { tokio::join!(serve, Client::connect(&url)).1 }).await
}

#[tokio::test]
async fn a_closed_port_is_an_io_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    drop(listener);
    let connected = bounded(Client::connect(&url)).await;
    assert!(matches!(connected, Err(ConnectError::Io { .. })), "{connected:?}");
}

#[tokio::test]
async fn an_http_refusal_is_told_with_status_and_body() {
    let connected = connect_to("HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nno chat").await;
    let Err(ConnectError::Refused { status, body, .. }) = connected else { panic!("{connected:?}") };
    assert_eq!((status, &*body), (404, "no chat"));
}

#[tokio::test]
async fn an_answer_that_is_no_websocket_handshake_is_broken() {
    for answer in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    ] {
        let connected = connect_to(answer).await;
        assert!(matches!(connected, Err(ConnectError::Handshake(_))), "{answer}: {connected:?}");
    }
}

// As documented for `ConnectError::Io`.
#[tokio::test]
async fn a_cut_during_the_handshake_is_an_io_error() {
    let connected = connect_to("").await;
    assert!(matches!(connected, Err(ConnectError::Io { .. })), "{connected:?}");
}

// A paused clock advances as soon as no task can run.
#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    let began = tokio::time::Instant::now();
    let limit = Duration::from_secs(3);
    let connected = Client::builder().limits(|limits| limits.handshake_timeout = limit).connect(&url).await;
    assert!(
        matches!(connected, Err(ConnectError::TimedOut { after, .. }) if after == limit),
        "{connected:?}"
    );
    assert_eq!(began.elapsed().as_secs(), 3);
}

fn pong() -> Router {
    Router::new().method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>(1) })
}

async fn join(server: ServerBuilder, client: ClientBuilder) -> Result<Client, ConnectError> {
    let server = server.bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", server.local_addr().expect("bound"));
    tokio::spawn(server.serve(pong()));
    let client = bounded(client.connect(&url)).await?;
    assert_eq!(bounded(client.peer().call::<i32>("ping", ())).await, Ok(1));
    Ok(client)
}

// A setting may have any duration.
#[tokio::test]
async fn any_duration_is_a_valid_limit() {
    for duration in [Duration::MAX, Duration::from_secs(u64::MAX >> 1), Duration::from_secs(1 << 40)] {
        let change = |limits: &mut birpc::Limits| {
            limits.handshake_timeout = duration;
            limits.close_timeout = duration;
            limits.write_stall = duration;
        };
        let keepalive = birpc::Keepalive::every(duration, duration);
        let server = Server::builder().limits(change).keepalive(keepalive.clone()).call_timeout(duration);
        let client = Client::builder().limits(change).keepalive(keepalive).call_timeout(duration);
        let client = join(server, client).await.unwrap_or_else(|error| panic!("{duration:?}: {error}"));
        client.close(1000, "").expect("it may be sent");
        assert!(bounded(client.closed()).await.clean);
    }
}

fn subprotocol(client: &Client) -> Option<&str> {
    client.peer().subprotocol()
}

// The server picks from the offered subprotocols by its own order of preference.
#[tokio::test]
async fn subprotocols_are_agreed_on() {
    let client = join(Server::builder(), Client::builder()).await.expect("the defaults agree");
    assert_eq!(subprotocol(&client), Some("birpc.v1"));
    let client = join(Server::builder(), Client::builder().subprotocols(["x", "jsonrpc", "birpc.v1"])).await;
    assert_eq!(subprotocol(&client.expect("one is known")), Some("birpc.v1"));
    let server = Server::builder().subprotocols(["jsonrpc", "mcp"]);
    let client = join(server, Client::builder().subprotocols(["mcp", "other"])).await;
    assert_eq!(subprotocol(&client.expect("one is known")), Some("mcp"));
    let client = join(Server::builder(), Client::builder().subprotocols([""; 0])).await;
    assert_eq!(subprotocol(&client.expect("none is plain JSON-RPC")), None);
}

#[tokio::test]
async fn unknown_subprotocols_are_refused_unless_someone_is_lenient() {
    let unknown = || Client::builder().subprotocols(["graphql-transport-ws"]);
    let refused = join(Server::builder(), unknown()).await;
    assert!(matches!(refused, Err(ConnectError::Refused { status: 400, .. })), "{refused:?}");
    let lenient = || Server::builder().lenient_subprotocols(true);
    let client = join(lenient(), unknown()).await.expect("plain JSON-RPC");
    assert_eq!(subprotocol(&client), None);
    let insisting = join(lenient(), unknown().insist_on_subprotocol(true)).await;
    assert!(matches!(insisting, Err(ConnectError::Handshake(_))), "{insisting:?}");
}

#[tokio::test]
async fn a_subprotocol_that_was_not_offered_fails_the_connection() {
    use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    let serve = async {
        let (stream, _) = listener.accept().await.expect("a client");
        #[allow(clippy::result_large_err)] // tungstenite's
        let choose = |_: &Request, mut response: Response| {
            response.headers_mut().insert("sec-websocket-protocol", "mcp".parse().expect("a token"));
            Ok(response)
        };
        tokio_tungstenite::accept_hdr_async(stream, choose).await
    };
    let (_, connected) = bounded(async { tokio::join!(serve, Client::connect(&url)) }).await;
    let Err(ConnectError::Handshake(why)) = connected else { panic!("{connected:?}") };
    assert!(why.contains("`mcp`"), "{why}");
}

#[tokio::test]
async fn bad_urls_and_headers_are_refused_before_anything_is_opened() {
    for url in ["http://localhost/", "localhost:80", "ws://", "", "ws://user:password@localhost/"] {
        let connected = Client::connect(url).await;
        assert!(matches!(connected, Err(ConnectError::Url { .. })), "{url}: {connected:?}");
    }
    for (name, value) in [("bad name", "value"), ("name", "bad\nvalue")] {
        let connected = Client::builder().header(name, value).connect("ws://127.0.0.1:1/").await;
        assert!(matches!(connected, Err(ConnectError::Header { .. })), "{connected:?}");
    }
}
