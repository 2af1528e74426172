//! Why a connection could not be opened.

use std::io;
use std::time::Duration;

use birpc_core::middleware::BoxError;
use birpc_core::{CloseReason, DuplicateMethod};
use http::HeaderMap;
use thiserror::Error;

/// Why a connection could not be opened.
///
/// The displayed text is one line that names the cause. It contains no passwords, no URL queries and no
/// control characters of the server's text.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A client cannot connect to this URL.
    #[error("cannot connect to `{url}`: {why}")]
    Url {
        /// The URL without user, password and query.
        url: String,
        /// The reason.
        why: String,
    },
    /// HTTP does not allow the header's name or value.
    #[error("invalid header `{name}`: HTTP does not allow its name or its value")]
    Header {
        /// The header's name.
        name: String,
    },
    /// A subprotocol to offer is not a token (RFC 6455 §4.1).
    #[error("cannot offer a subprotocol: {0}")]
    Subprotocol(String),
    /// Two services of the router have a method of the same wire name.
    #[error(transparent)]
    Router(#[from] DuplicateMethod),
    /// [`crate::ClientBuilder::before_attempt`] returned an error, or panicked.
    #[error("the hook before_attempt failed: {0}")]
    BeforeAttempt(BoxError),
    /// The stream beneath the handshake could not be opened, or was cut during the handshake.
    #[error("cannot connect to {address}: {source}")]
    Io {
        /// Host and port of the URL.
        address: String,
        /// The system's error. If the name has several addresses, its kind is that of the first failure, and
        /// its text lists the failure of each address.
        r#source: io::Error,
    },
    /// The TLS handshake failed.
    #[cfg(feature = "tls")]
    #[error("TLS with {address} failed: {problem}")]
    Tls {
        /// Host and port.
        address: String,
        /// What is wrong, and what to do.
        problem: crate::tls_problem::TlsProblem,
    },
    /// The server answered, but did not upgrade.
    #[error("{}", crate::error_text::refusal(*status, headers, body))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The response's headers, such as `Location`, `Retry-After` and `WWW-Authenticate`.
        headers: Box<HeaderMap>,
        /// The beginning of the response's body, at most 4 KiB, unchanged. The server may have written
        /// anything into it, so escape it before you display it. The error's own text contains the first 200
        /// characters, escaped.
        body: String,
    },
    /// The response violates RFC 6455 or HTTP.
    #[error("the server's handshake response is invalid: {0}")]
    Handshake(String),
    /// A client that reconnects was closed for good before it was ready, by the server or by
    /// [`crate::Reconnect::on_connected`].
    #[error("the connection ended before it was ready: {0}")]
    Closed(CloseReason),
    /// There was no connection within [`birpc_core::Limits::handshake_timeout`].
    #[error("no connection to {address} within {after:?}; the last step: {during}")]
    TimedOut {
        /// Host and port.
        address: String,
        /// The limit.
        after: Duration,
        /// What the client was waiting for at the end of that time, with the addresses that it had tried.
        during: String,
    },
    /// The function passed to [`crate::ClientBuilder::connect_over`] failed.
    #[error("cannot open a transport: {0}")]
    Transport(BoxError),
}

impl ConnectError {
    /// Wraps an error of the application. If it is itself a `ConnectError`, it is returned unchanged.
    pub(crate) fn of_transport(error: BoxError) -> Self {
        error.downcast::<Self>().map_or_else(Self::Transport, |error| *error)
    }
}
