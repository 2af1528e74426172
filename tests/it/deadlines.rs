//! Incomplete requests hold a connection no longer than the deadline: on sockets, in real time, many at once.
//! `keepalive.rs` tests the deadlines of open connections.

use std::time::Duration;

use birpc::{Client, ErrorObject, Grant, Router, Server};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::bytes::{Bytes, request};
use crate::support::{NoParams, Side, bounded, listen};

const DEADLINE: Duration = Duration::from_millis(200);

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);

fn pong() -> Router {
    Router::new().method("ping", |_, _: NoParams| async { Ok::<_, ErrorObject>(1) })
}

fn handshakes_within(deadline: Duration) -> Side {
    Side::new(pong()).limits(|limits| limits.handshake_timeout = deadline)
}

#[tokio::test]
async fn a_request_cut_after_any_byte_is_dropped_at_the_deadline() {
    let listening = listen(handshakes_within(DEADLINE)).await;
    let (address, request) = (listening.address, request(listening.address));
    let cut = (0..request.len()).map(async |length| {
        let began = Instant::now();
        let mut far = Bytes::new(TcpStream::connect(address).await.expect("a server"), true);
        far.send(&request.as_bytes()[..length]).await;
        assert_eq!(far.rest().await, b"", "after {length} bytes");
        assert!(began.elapsed() >= DEADLINE, "after {length} bytes: {:?}", began.elapsed());
    });
    bounded(join_all(cut)).await;
}

#[tokio::test]
async fn a_request_that_its_sender_gave_up_is_dropped_at_once() {
    let listening = listen(handshakes_within(NEVER)).await;
    let (address, request) = (listening.address, request(listening.address));
    let cut = (0..request.len()).map(async |length| {
        let mut far = Bytes::new(TcpStream::connect(address).await.expect("a server"), true);
        far.send(&request.as_bytes()[..length]).await;
        far.end().await;
        assert_eq!(far.rest().await, b"", "after {length} bytes");
    });
    bounded(join_all(cut)).await;
}

// The deadline applies to the whole request: a line now and then does not postpone it.
#[tokio::test]
async fn a_request_that_drips_is_dropped_at_the_deadline() {
    let listening = listen(handshakes_within(DEADLINE)).await;
    let stream = TcpStream::connect(listening.address).await.expect("a server");
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(b"GET / HTTP/1.1\r\n").await.expect("a server");
    let drip = async {
        let mut tick = tokio::time::interval(DEADLINE / 20);
        while writer.write_all(b"X-Drip: 1\r\n").await.is_ok() {
            tick.tick().await;
        }
    };
    let mut heard = Vec::new();
    // The connection ends with a reset, since lines are on their way.
    let end = async { bounded(reader.read_to_end(&mut heard)).await.unwrap_or(0) };
    tokio::select! { biased; heard = end => assert_eq!(heard, 0), () = drip => {} }
}

// A body that is announced but never arrives does not hold a connection either, whatever the answer.
#[tokio::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let listening = listen(handshakes_within(DEADLINE)).await;
    let (address, upgrade) = (listening.address, request(listening.address));
    let requests = [
        upgrade.replace("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n"),
        upgrade.replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n"),
        upgrade.replace("\r\n\r\n", "\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"),
        upgrade.replace("GET", "POST").replace("\r\n\r\n", "\r\nContent-Length: 1000000\r\n\r\n"),
        format!("POST / HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000000\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: keep-alive\r\n\r\n"),
    ];
    let all = requests.iter().map(async |request| {
        let mut far = Bytes::new(TcpStream::connect(address).await.expect("a server"), true);
        far.send(request.as_bytes()).await;
        far.rest().await;
    });
    bounded(join_all(all)).await;
}

/// The number of file descriptors that this process may open. Each connection to itself needs two.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()).and_then(|soft| soft.parse().ok());
    soft.unwrap_or(256)
}

#[tokio::test]
async fn half_sent_handshakes_leave_the_server_serving_others() {
    let listening = listen(handshakes_within(NEVER)).await;
    let request = request(listening.address);
    let half = &request.as_bytes()[..request.len() / 2];
    let count = 2000.min((descriptors().saturating_sub(200)) / 2);
    let mut half_sent = Vec::new();
    for _ in 0..count {
        let mut far = Bytes::new(TcpStream::connect(listening.address).await.expect("a server"), true);
        far.send(half).await;
        half_sent.push(far);
    }
    let client = bounded(Client::connect(&listening.url())).await.expect("a server");
    assert_eq!(bounded(client.peer().call::<i32>("ping", ())).await, Ok(1));
    // None of them was dropped: the rest of the last one is still accepted.
    let mut last = half_sent.pop().expect("many");
    last.send(&request.as_bytes()[half.len()..]).await;
    assert!(bounded(last.head()).await.starts_with("HTTP/1.1 101 "));
}

#[tokio::test]
async fn handshakes_are_bounded_and_free_their_place() {
    let side = handshakes_within(NEVER).limits(|limits| limits.max_handshakes = 2);
    let listening = listen(side).await;
    let mut half_sent = Vec::new();
    for _ in 0..2 {
        let mut far = Bytes::new(TcpStream::connect(listening.address).await.expect("a server"), true);
        far.send(b"GET / HTTP/1.1\r\n").await;
        half_sent.push(far);
    }
    // Another one waits in the backlog, and is neither served nor dropped.
    let url = listening.url();
    let mut waiting = tokio::spawn(async move { Client::connect(&url).await });
    assert!(tokio::time::timeout(DEADLINE, &mut waiting).await.is_err());
    half_sent.pop();
    let client = bounded(waiting).await.expect("no panic").expect("the place is free");
    assert_eq!(bounded(client.peer().call::<i32>("ping", ())).await, Ok(1));
}

// It keeps neither the connection nor the connection's slot.
#[tokio::test]
async fn an_authorize_that_never_returns_is_given_up_at_the_deadline() {
    let server = Server::builder()
        .limits(|limits| (limits.handshake_timeout, limits.max_connections) = (DEADLINE, 1))
        .authorize(|request| async move {
            if request.uri().path() == "/hang" {
                std::future::pending::<()>().await;
            }
            Ok(Grant::new())
        })
        .bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = server.local_addr().expect("it is bound");
    tokio::spawn(server.serve(pong()));
    let began = Instant::now();
    let mut far = Bytes::new(TcpStream::connect(address).await.expect("a server"), true);
    far.send(request(address).replace("GET /", "GET /hang").as_bytes()).await;
    let answer = String::from_utf8(bounded(far.rest()).await).expect("text");
    // Its own deadline and the handshake's are at the same time; either may come first.
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(began.elapsed() >= DEADLINE);
    let client = bounded(Client::connect(&format!("ws://{address}/"))).await.expect("a free place");
    assert_eq!(bounded(client.peer().call::<i32>("ping", ())).await, Ok(1));
}
