//! The server's side of the TLS handshake, and the answer to clients that do not speak TLS.

use std::net::SocketAddr;

use rustls::server::ServerConnection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::ServerTls;
use crate::handshake::PeerCertificates;

/// The stream of a connection with TLS.
pub(crate) type Stream = TlsStream<TcpStream>;

/// The number of bytes to read from a client that was refused. Closing a socket with unread bytes resets the
/// connection, and the client might lose what was sent to it.
const LINGER: u64 = 64 << 10;

/// The answer to a client that speaks plain HTTP and would not understand a TLS alert.
const PLAIN_HTTP: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n\
                          this port speaks TLS: use wss://";

/// Runs the TLS handshake. The caller sets a deadline.
pub(crate) async fn accept(
    tls: &ServerTls,
    stream: TcpStream,
    remote: SocketAddr,
) -> Option<(Stream, PeerCertificates)> {
    if is_plain_http(&stream).await {
        tracing::debug!(remote_addr = %remote, "plain HTTP arrived on the TLS port");
        refuse(stream, PLAIN_HTTP).await;
        return None;
    }
    match TlsAcceptor::from(tls.config().clone()).accept(stream).into_fallible().await {
        Ok(stream) => {
            let certificates = certificates(stream.get_ref().1);
            Some((stream, certificates))
        }
        Err((error, stream)) => {
            tracing::debug!(remote_addr = %remote, %error, "the TLS handshake failed");
            // The alert has already been sent.
            refuse(stream, "").await;
            None
        }
    }
}

/// Whether the first byte is that of an HTTP method; a TLS handshake begins with 22 (RFC 8446 §5.1).
async fn is_plain_http(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first[0].is_ascii_alphabetic()
}

/// Sends a last answer, and waits for a while so that the client can read it.
async fn refuse(mut stream: TcpStream, last_word: &str) {
    let _ = stream.write_all(last_word.as_bytes()).await;
    let _ = stream.shutdown().await;
    let _ = tokio::io::copy(&mut stream.take(LINGER), &mut tokio::io::sink()).await;
}

/// The certificates of the client, its own first.
fn certificates(connection: &ServerConnection) -> PeerCertificates {
    let certificates = connection.peer_certificates().unwrap_or_default();
    PeerCertificates::new(certificates.iter().map(|certificate| certificate.to_vec()))
}
