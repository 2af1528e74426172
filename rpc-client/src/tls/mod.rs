//! TLS beneath the handshake (rustls): a client's settings, and the errors.

mod config;
mod connect;
mod problem;

pub use config::ClientTls;
pub use problem::TlsProblem;

pub(crate) use connect::connect;
