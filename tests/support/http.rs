//! HTTP as bytes, for answers that no client of birpc's shows whole.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::bytes::Bytes;

/// A valid handshake's request with that `Host`, and these lines.
pub fn upgrade(host: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
}

/// The answer to a request: its head, and what follows if the connection ends with it.
pub async fn ask(address: SocketAddr, request: &str) -> String {
    let mut far = Bytes::new(TcpStream::connect(address).await.expect("the server listens"), true);
    far.send(request.as_bytes()).await;
    let head = far.head().await;
    if head.starts_with("HTTP/1.1 101 ") {
        return head;
    }
    head + &String::from_utf8_lossy(&far.rest().await)
}

/// The status of an answer.
pub fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}
