//! HTTP requests as bytes, for answers that birpc's client does not show in full.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::bytes::Bytes;

/// A valid handshake request with this `Host` and these header lines.
pub fn upgrade(host: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
}

/// Sends a request and returns the answer: its head, and the body if the connection ends with it.
pub async fn ask(address: SocketAddr, request: &str) -> String {
    let mut far = Bytes::new(TcpStream::connect(address).await.expect("the server listens"), true);
    far.send(request.as_bytes()).await;
    let head = far.head().await;
    if head.starts_with("HTTP/1.1 101 ") {
        return head;
    }
    head + &String::from_utf8_lossy(&far.rest().await)
}

/// The status in an answer.
pub fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}
