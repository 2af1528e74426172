//! The server side of birpc; users depend on the facade `birpc`.
//!
//! A TCP connection is first hyper's, for the HTTP upgrade ([RFC 6455] §4.2), and then a
//! [`birpc_core::Connection`]. This crate decides how a connection begins and who is there; everything
//! after that is the core's, and the same for a client.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455

#![cfg_attr(docsrs, feature(doc_cfg))]

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
