//! The core of birpc. Applications depend on the facade `birpc`.
//!
//! A transport turns bytes into frames ([`transport`]). A [`Connection`] decodes frames into messages and
//! runs the handlers of its [`Router`]. A [`Peer`] is the handle through which the application calls the
//! other side. `docs/architecture.md` describes how the modules fit together.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
pub mod __private;
mod close;
mod config;
mod connection;
mod context;
#[cfg(feature = "schema")]
pub mod contract;
mod dialect;
mod dispatch;
mod error;
mod excerpt;
mod groups;
mod handshake;
#[cfg_attr(not(feature = "inspector"), allow(dead_code, unreachable_pub))]
mod inspect;
#[cfg(any(test, feature = "__internals"))]
#[doc(hidden)]
pub mod internals;
mod message;
pub mod middleware;
mod multiplexer;
mod observe;
mod oneshot;
mod panic_guard;
mod panic_text;
mod peer;
mod progress;
mod progress_listener;
mod rate_limit;
mod reconnecting;
mod redact;
mod served_call;
mod served_extras;
mod served_streams;
mod settings;
mod shared_state;
#[cfg(test)]
mod stream_lives;
mod streaming;
mod subscription;
pub mod testing;
#[cfg(feature = "tls")]
mod tls;
mod topics;
pub mod transport;
mod watchdog;

pub use close::{
    CloseCode, CloseFrame, CloseReason, ConnectionState, Initiator, IntoCloseCode, InvalidClose,
};
pub use config::{Config, Keepalive, Limits, Overflow, WhenFull};
pub use connection::Connection;
pub use context::Context;
pub use dialect::{Dialect, SUBPROTOCOLS};
pub use dispatch::{DuplicateMethod, IntoRouter, Router};
pub use error::{CallError, ErrorDetail, MethodResult, RpcError};
pub use groups::{
    Answers, Audience, GlobalId, GroupError, Groups, InvalidGlobalId, Joined, Member, Meta, PresenceEvent,
    PresenceEvents, Remote, Sending, Sent,
};
pub use handshake::ConnectionInfo;
pub use message::{ErrorCode, ErrorObject, Id};
pub use peer::{
    Batch, BatchCall, BatchCalls, Call, CallHandle, Drained, EncodedNotification, Event, Events, Notify,
    Peer, PeerId, SendBatch, SubscribeCall, ValueOrStream,
};
pub use progress::Progress;
pub use reconnecting::WhileDown;
pub use serde_json::value::RawValue;
pub use shared_state::SharedLimits;
pub use streaming::{StreamClosed, StreamError, StreamSender, Streaming, Update};
pub use subscription::{BadEnd, SubscriptionForm, SubscriptionIds};
#[cfg(feature = "tls")]
pub use tls::TlsError;
pub use topics::TopicJoin;
