//! The client side of birpc; users depend on the facade `birpc`.
//!
//! This crate opens a connection: TCP, TLS for `wss://`, the HTTP upgrade through hyper ([RFC 6455] §4.1), the agreed
//! subprotocol. Everything after that is [`birpc_core::Connection`], and the same for a server.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455

mod builder;
mod client;
mod error;
mod handshake;
mod layers;
mod reconnect;
mod stream;
#[cfg(feature = "tls")]
mod tls;
mod url;

pub use builder::ClientBuilder;
pub use client::Client;
pub use error::ConnectError;
pub use reconnect::Reconnect;
#[cfg(feature = "tls")]
pub use tls::{ClientTls, TlsProblem};
