//! Why a connection could not be opened.

use std::io;
use std::time::Duration;

use birpc_core::{CloseReason, DuplicateMethod};
use thiserror::Error;

/// Why a connection could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is not one that a client can connect to.
    #[error("cannot connect to `{url}`: {why}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The header's name or value is not valid in HTTP.
    #[error("`{name}` is no valid header, or its value is none")]
    Header {
        /// The header's name.
        name: String,
    },
    /// Two services of the router have a method in common.
    #[error(transparent)]
    Router(#[from] DuplicateMethod),
    /// No TCP connection, or it was cut during the handshake.
    #[error("cannot connect to {address}: {source}")]
    Io {
        /// Host and port.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The TLS handshake failed.
    #[cfg(feature = "tls")]
    #[error("no TLS with {address}: {problem}")]
    Tls {
        /// Host and port.
        address: String,
        /// What is wrong, and what to do.
        problem: crate::TlsProblem,
    },
    /// The server answered, but with no upgrade.
    #[error("the server refused the connection with HTTP {status}: {body}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The beginning of the response's body.
        body: String,
    },
    /// The answer breaks RFC 6455, or HTTP.
    #[error("the server's handshake is broken: {0}")]
    Handshake(String),
    /// A client that reconnects was closed for good before it was ready: by the server or by
    /// [`crate::Reconnect::on_connected`].
    #[error("the connection ended before it was ready: {0}")]
    Closed(CloseReason),
    /// No answer within [`birpc_core::Limits::handshake_timeout`].
    #[error("no connection to {address} within {after:?}")]
    TimedOut {
        /// Host and port.
        address: String,
        /// The limit.
        after: Duration,
    },
}
