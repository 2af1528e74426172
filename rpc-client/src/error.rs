//! Why a connection could not be opened.

use std::io;
use std::time::Duration;

use birpc_core::middleware::BoxError;
use birpc_core::{CloseReason, DuplicateMethod};
use http::HeaderMap;
use thiserror::Error;

/// Why a connection could not be opened.
///
/// What it displays is one line that names the cause. It has no passwords, no queries of URLs, and no control
/// characters of the server's.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is not one that a client can connect to.
    #[error("cannot connect to `{url}`: {why}")]
    Url {
        /// As it was given, without user, password and query.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The header's name or value is not valid in HTTP.
    #[error("invalid header `{name}`: HTTP does not allow its name or its value")]
    Header {
        /// The header's name.
        name: String,
    },
    /// A subprotocol to offer is no token (RFC 6455 §4.1).
    #[error("cannot offer a subprotocol: {0}")]
    Subprotocol(String),
    /// Two services of the router have a method in common.
    #[error(transparent)]
    Router(#[from] DuplicateMethod),
    /// [`crate::ClientBuilder::before_attempt`] returned an error, or panicked.
    #[error("the hook before_attempt failed: {0}")]
    BeforeAttempt(BoxError),
    /// No connection beneath the handshake, or it was cut during it.
    #[error("cannot connect to {address}: {source}")]
    Io {
        /// Host and port of the URL.
        address: String,
        /// What the system says. If a name has several addresses: of which kind the first failure was, and as
        /// text what became of each address.
        r#source: io::Error,
    },
    /// The TLS handshake failed.
    #[cfg(feature = "tls")]
    #[error("TLS with {address} failed: {problem}")]
    Tls {
        /// Host and port.
        address: String,
        /// What is wrong, and what to do.
        problem: crate::TlsProblem,
    },
    /// The server answered, but with no upgrade.
    #[error("{}", crate::error_text::refusal(*status, headers, body))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The response's headers, such as `Location`, `Retry-After` and `WWW-Authenticate`.
        headers: Box<HeaderMap>,
        /// The beginning of the response's body, at most 4 KiB, as it came. It is the server's text: escape
        /// it before you show it. The error's own text has 200 characters of it, escaped.
        body: String,
    },
    /// The answer breaks RFC 6455, or HTTP.
    #[error("the server's handshake response is invalid: {0}")]
    Handshake(String),
    /// A client that reconnects was closed for good before it was ready: by the server or by
    /// [`crate::Reconnect::on_connected`].
    #[error("the connection ended before it was ready: {0}")]
    Closed(CloseReason),
    /// No connection within [`birpc_core::Limits::handshake_timeout`].
    #[error("no connection to {address} within {after:?}; the last step: {during}")]
    TimedOut {
        /// Host and port.
        address: String,
        /// The limit.
        after: Duration,
        /// What the client was waiting for when the time was up, with the addresses that were tried.
        during: String,
    },
    /// What [`crate::ClientBuilder::connect_over`] was given to open a transport failed.
    #[error("cannot open a transport: {0}")]
    Transport(BoxError),
}

impl ConnectError {
    /// An error of the application's own; one of these is taken for what it is.
    pub(crate) fn of_transport(error: BoxError) -> Self {
        error.downcast::<Self>().map_or_else(Self::Transport, |error| *error)
    }
}
