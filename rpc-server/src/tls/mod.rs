//! TLS beneath HTTP (rustls): a server's settings, and its side of the TLS handshake.

mod accept;
mod config;

pub use config::{ClientCertificates, ServerTls};

pub(crate) use accept::{Stream, accept};
