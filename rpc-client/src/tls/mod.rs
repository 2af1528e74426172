//! TLS beneath the handshake (rustls): a client's settings, and the TLS handshake.

mod config;
mod connect;

pub use config::ClientTls;

pub(crate) use connect::connect;
