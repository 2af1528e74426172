//! Why NATS cannot be reached.

#[cfg(feature = "tls")]
use birpc_core::TlsError;
use thiserror::Error;

/// Why [`crate::NatsBuilder::connect`] failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A URL is not one of a NATS server.
    #[error("{url:?} is not the URL of a NATS server, like nats://host:4222: {why}")]
    Url {
        /// The URL, without user and password.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The prefix is not 1 to 32 characters of `A-Z`, `a-z`, `0-9`, `_` and `-`.
    #[error("the prefix {0:?} must be 1 to 32 characters of A-Z, a-z, 0-9, _ and -")]
    Prefix(String),
    /// Certificates or keys cannot be used.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The credentials cannot be used.
    #[error("the credentials cannot be used: {0}")]
    Credentials(String),
    /// No server can be reached.
    #[error("the NATS server {server} cannot be reached: {why}")]
    Unreachable {
        /// Host and port; the last one of several.
        server: String,
        /// What happened.
        why: String,
    },
    /// A server refuses the credentials, or they do not permit what a node of a cluster does.
    #[error("the NATS server {server} refuses it: {why}")]
    Refused {
        /// Host and port.
        server: String,
        /// What the server says.
        why: String,
    },
}
