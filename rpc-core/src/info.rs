//! What is known of a connection from its opening handshake.

use std::net::SocketAddr;

/// What is known of a connection from its opening handshake.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The peer's address, where there is one.
    pub remote: Option<SocketAddr>,
    /// The subprotocol that was agreed on (RFC 6455 §1.9).
    pub subprotocol: Option<String>,
    /// The URL that a client connected to.
    pub url: Option<String>,
    /// The `Origin` of the page that connected, where the peer is a browser (RFC 6455 §10.2).
    pub origin: Option<String>,
}
