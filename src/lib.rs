//! JSON-RPC 2.0 over WebSockets in which either peer can call the other.
//!
//! A trait with [`rpc`] describes what one side of a connection offers. The macro generates a server of the
//! trait for a [`Router`], and a stub with the same methods for the other side.
//!
#![cfg_attr(
    all(feature = "server", feature = "client", feature = "macros"),
    doc = r#"
```
use birpc::{Client, ErrorObject, Router, Server, rpc};

#[rpc]
trait Calc {
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject>;
}

struct Adder;

impl Calc for Adder {
    async fn add(&self, a: i64, b: i64) -> Result<i64, ErrorObject> {
        Ok(a + b)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", server.local_addr()?);
    tokio::spawn(server.serve(Router::new().service(CalcServer::new(Adder))));

    let calc: CalcClient = Client::connect(&url).await?.stub();
    assert_eq!(calc.add(1, 2).await?, 3);
    Ok(())
}
```
"#
)]
//!
//! # Where to look
//!
//! | you want to | look at |
//! |---|---|
//! | define methods and errors | [`rpc`], [`RpcError`](macro@RpcError), [`ErrorObject`] |
//! | serve | [`Server`], [`ServerBuilder`], [`Router`]; in an HTTP server of yours: [`Acceptor`] |
//! | decide who may connect | [`ServerBuilder::authorize`], [`Handshake`], [`Grant`], [`Refusal`], [`Origins`] |
//! | connect and reconnect | [`Client`], [`ClientBuilder`], [`Reconnect`] |
//! | know your caller and call it back | [`Context`], [`Peer`] |
//! | handle failures | [`CallError`], [`CloseReason`], [`ConnectError`] |
//! | cancel, set timeouts, send batches | [`Call`], [`CallHandle`], [`Batch`] |
//! | send and receive streams | [`Streaming`], [`StreamError`], [`Update`] |
//! | report progress | [`Progress`] |
//! | send to groups, users and all, and know who is present | [`Groups`], [`Audience`], [`PresenceEvents`] |
//! | run many servers as one | [`cluster`] |
//! | serve subscriptions, or subscribe | [`rpc`], [`SubscriptionForm`] |
//! | bound what peers may use | [`Limits`], [`Keepalive`], [`WhenFull`], [`Overflow`] |
//! | observe a connection | [`ConnectionState`], [`Events`] |
//! | wrap calls | [`middleware`] |
//! | use your own sockets, or none | [`Connection`], [`transport`], [`tungstenite`] |
//!
//! The book in `docs/` has a tutorial, how-to guides and a reference, and states what birpc promises.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub use birpc_core::{
    Answers, Audience, BadEnd, Batch, BatchCall, BatchCalls, Call, CallError, CallHandle, CloseCode,
    CloseFrame, CloseReason, Config, Connection, ConnectionInfo, ConnectionState, Context, Dialect, Drained,
    DuplicateMethod, EncodedNotification, ErrorCode, ErrorDetail, ErrorObject, Event, Events, GlobalId,
    GroupError, Groups, Id, Initiator, IntoCloseCode, IntoRouter, InvalidClose, InvalidGlobalId, Joined,
    Keepalive, Limits, Member, Meta, MethodResult, Notify, Overflow, Peer, PeerId, PresenceEvent,
    PresenceEvents, Progress, RawValue, Remote, Router, RpcError, SUBPROTOCOLS, SendBatch, Sending, Sent,
    SharedLimits, StreamClosed, StreamError, StreamSender, Streaming, SubscribeCall, SubscriptionForm,
    SubscriptionIds, TopicJoin, Update, ValueOrStream, WhenFull, WhileDown, middleware, testing, transport,
};

#[cfg(feature = "client")]
pub use birpc_client::{
    Attempt, Client, ClientBuilder, Closing, ConnectError, Destination, Reconnect, ReconnectCause,
};
#[cfg(all(feature = "client", feature = "tls"))]
pub use birpc_client::{ClientTls, TlsProblem};
/// async-trait's attribute, for implementations of a trait under `#[rpc(dyn)]`.
#[cfg(feature = "dyn")]
pub use birpc_core::__private::async_trait;
#[cfg(feature = "tls")]
pub use birpc_core::TlsError;
#[cfg(feature = "schema")]
pub use birpc_core::contract::{self, Contract};
#[cfg(feature = "macros")]
pub use birpc_macros::{RpcError, rpc};
#[cfg(feature = "server")]
pub use birpc_server::{
    Acceptor, Grant, Handshake, Origins, PathParams, PeerCertificates, Peers, Refusal, ResponseBody,
    ServeError, Server, ServerBuilder, ServerHandle, Serving, Upgrade,
};

#[cfg(all(feature = "server", feature = "tls"))]
pub use birpc_server::{ClientCertificates, ServerTls};

/// Many servers as one, over an engine that connects them.
#[cfg(feature = "cluster")]
pub use birpc_cluster as cluster;
/// A page that shows what a server does: its peers, calls, limits and messages.
#[cfg(feature = "inspector")]
pub use birpc_inspector as inspector;
/// Connects many servers through [NATS](https://nats.io).
#[cfg(feature = "nats")]
pub use birpc_nats as nats;
#[cfg(feature = "tokio-tungstenite")]
pub use birpc_tungstenite as tungstenite;

#[doc(hidden)]
pub use birpc_core::__private;

#[cfg(all(doctest, feature = "server", feature = "client", feature = "macros"))]
mod pages;
