//! The server side of birpc. Applications depend on the facade `birpc`.
//!
//! This crate accepts connections: TCP, TLS for `wss://`, the HTTP upgrade through hyper ([RFC 6455] §4.2),
//! the checks of the request and the list of peers. After the upgrade, [`birpc_core::Connection`] runs a
//! connection, as it does for a client.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455

#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
pub mod __private;
mod acceptor;
#[cfg(feature = "axum-08")]
mod axum;
mod builder;
mod front;
mod handle;
mod handshake;
mod hooks;
mod in_memory;
mod listeners;
mod peers;
mod server;
mod shared;
#[cfg(feature = "tls")]
mod tls;
mod upgrade;

pub use acceptor::Acceptor;
pub use builder::ServerBuilder;
pub use handle::ServerHandle;
pub use handshake::{Handshake, Origins, PathParams, PeerCertificates, Refusal, ResponseBody};
pub use hooks::Grant;
pub use peers::Peers;
pub use server::{ServeError, Server, Serving};
#[cfg(feature = "tls")]
pub use tls::{ClientCertificates, ServerTls};
pub use upgrade::Upgrade;
