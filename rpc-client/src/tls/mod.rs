//! TLS beneath the handshake (rustls): which CAs a client trusts, and what can go wrong.

mod config;
mod connect;
mod problem;

pub use config::ClientTls;
pub use problem::TlsProblem;

pub(crate) use connect::connect;
