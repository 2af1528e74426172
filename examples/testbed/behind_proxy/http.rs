//! HTTP requests as browsers and load balancers send them.

use std::error::Error;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::checks::SOON;

/// Sends a request and returns the status of the answer.
pub(crate) async fn status(address: SocketAddr, request: &str) -> Result<u16, Box<dyn Error>> {
    let exchange = async {
        let mut stream = BufReader::new(TcpStream::connect(address).await?);
        stream.write_all(request.as_bytes()).await?;
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.ok_or_else(|| format!("the answer begins with {line:?}").into())
    };
    tokio::time::timeout(SOON, exchange).await?
}

/// Requests a WebSocket as a browser does for a page of `origin`. Returns the status of the answer.
pub(crate) async fn upgrade(
    address: SocketAddr,
    host: &str,
    origin: Option<&str>,
) -> Result<u16, Box<dyn Error>> {
    let origin = origin.map_or_else(String::new, |origin| format!("origin: {origin}\r\n"));
    let request = format!(
        "GET / HTTP/1.1\r\nhost: {host}\r\n{origin}connection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    status(address, &request).await
}
