#![doc = include_str!("../README.md")]
//!
//! # Where to look
//! - [`rpc`] and [`RpcError`](macro@RpcError) are the macros; [`Router`] takes what they generate.
//! - [`Server`] and [`Client`] begin connections, [`Acceptor`] does so in an HTTP server that is there already;
//!   [`Peer`] is the other end of one, [`Context`] the call that a handler serves.
//! - [`ServerBuilder::authorize`] decides on a [`Handshake`] with a [`Grant`] or a [`Refusal`]; [`Origins`] says
//!   which web pages may connect.
//! - [`Call`] and [`Notify`] are what a stub's methods return, a [`CallHandle`] cancels the former; [`CallError`]
//!   says why a call has no result, [`CloseReason`] why a connection has ended.
//! - [`Reconnect`] has a client connect again when its connection is lost; [`middleware`] puts layers around calls.
//! - [`Batch`] gathers calls that go out in one message, each a [`BatchCall`].
//! - [`ConnectionState`] and [`Events`] tell of a connection as the browser's WebSocket does.
//! - [`Limits`] has every bound with its default.
//! - [`Connection`] runs over any [`transport::Transport`]: [`tungstenite::WebSocket`] is one over a socket of
//!   tokio-tungstenite, [`transport::SinkStream`] over the sockets of most frameworks.

pub use birpc_core::{
    Batch, BatchCall, BatchCalls, Call, CallError, CallHandle, CloseCode, CloseFrame, CloseReason, Config,
    Connection, ConnectionInfo, ConnectionState, Context, Dialect, Drained, DuplicateMethod, ErrorCode,
    ErrorDetail, ErrorObject, Event, Events, Id, Initiator, IntoRouter, InvalidClose, Keepalive, Limits,
    MethodResult, Notify, Peer, RawValue, Router, RpcError, SUBPROTOCOLS, SendBatch, SharedLimits, WhenFull,
    WhileDown, middleware, transport,
};

#[cfg(feature = "client")]
pub use birpc_client::{
    Attempt, Client, ClientBuilder, Closing, ConnectError, Destination, Reconnect, ReconnectCause,
};
#[cfg(all(feature = "client", feature = "tls"))]
pub use birpc_client::{ClientTls, TlsProblem};
/// For the implementations of a trait under `#[rpc(dyn)]`: async-trait's attribute, as it is.
#[cfg(feature = "dyn")]
pub use birpc_core::__private::async_trait;
#[cfg(feature = "tls")]
pub use birpc_core::tls::TlsError;
#[cfg(feature = "macros")]
pub use birpc_macros::{RpcError, rpc};
#[cfg(feature = "server")]
pub use birpc_server::{
    Acceptor, Grant, Handshake, Origins, PathParams, PeerCertificates, Peers, Refusal, ServeError, Server,
    ServerBuilder, ServerHandle, Serving, Session,
};

#[cfg(all(feature = "server", feature = "tls"))]
pub use birpc_server::{ClientCertificates, ServerTls};

#[cfg(feature = "tokio-tungstenite")]
pub use birpc_tungstenite as tungstenite;

#[doc(hidden)]
pub use birpc_core::__private;

#[cfg(all(doctest, feature = "server", feature = "client", feature = "macros"))]
mod pages;
