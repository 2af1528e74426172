//! The client side of birpc. Applications depend on the facade `birpc`.
//!
//! This crate opens a connection: TCP, TLS for `wss://`, the HTTP upgrade through hyper ([RFC 6455] §4.1) and
//! the choice of a subprotocol. After that, [`birpc_core::Connection`] runs it, as it does for a server.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455

#![cfg_attr(docsrs, feature(doc_cfg))]

mod attempt;
mod builder;
mod client;
mod connect;
mod dial;
mod error;
mod error_text;
mod handshake;
mod in_memory;
mod offer;
mod opening;
mod own_task;
mod reconnect;
mod refusal;
mod stage;
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_problem;
mod url;

pub use attempt::Attempt;
pub use builder::ClientBuilder;
pub use client::{Client, Closing};
pub use dial::Destination;
pub use error::ConnectError;
pub use reconnect::{Reconnect, ReconnectCause};
#[cfg(feature = "tls")]
pub use tls::ClientTls;
#[cfg(feature = "tls")]
pub use tls_problem::TlsProblem;
