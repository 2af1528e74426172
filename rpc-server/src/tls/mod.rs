//! TLS beneath the HTTP front (rustls).

mod accept;
mod config;

pub use config::{ClientCertificates, ServerTls};

pub(crate) use accept::{Stream, accept};
