//! The core of birpc; users depend on the facade `birpc`.
//!
//! Bytes become frames ([`transport`]), frames messages, messages calls and replies (the multiplexer), and
//! calls run handlers ([`Router`]). A [`Peer`] queues calls the other way. A [`Connection`] is the one
//! task that moves all of it; `docs/architecture.md` has the map.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod close;
mod config;
mod connection;
mod context;
mod dialect;
mod dispatch;
mod error;
mod excerpt;
mod info;
#[cfg(any(test, feature = "__internals"))]
#[doc(hidden)]
pub mod internals;
mod jitter;
mod message;
pub mod middleware;
mod multiplexer;
mod observe;
mod oneshot;
mod peer;
mod reconnecting;
mod redact;
mod served_call;
mod shared_state;
mod state;
#[cfg(feature = "tls")]
pub mod tls;
mod token;
pub mod transport;

pub use close::{CloseCode, CloseFrame, CloseReason, Initiator, InvalidClose};
pub use config::{Config, Keepalive, Limits, WhenFull};
pub use connection::Connection;
pub use context::Context;
pub use dialect::{Dialect, SUBPROTOCOLS};
pub use dispatch::{DuplicateMethod, IntoRouter, Router};
pub use error::{CallError, ErrorDetail, MethodResult, RpcError};
#[doc(hidden)]
pub use excerpt::excerpt;
pub use info::ConnectionInfo;
#[doc(hidden)]
pub use info::without_secrets;
#[doc(hidden)]
pub use jitter::jitter;
pub use message::{ErrorCode, ErrorObject, Id};
pub use peer::{
    Batch, BatchCall, BatchCalls, Call, CallHandle, Drained, Event, Events, Notify, Peer, SendBatch,
};
#[doc(hidden)]
pub use reconnecting::ReconnectDriver;
pub use reconnecting::WhileDown;
pub use serde_json::value::RawValue;
pub use shared_state::SharedLimits;
pub use state::ConnectionState;
#[doc(hidden)]
pub use token::{check_subprotocols, is_token};

/// What generated code names. Not part of the API: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use std::clone::Clone;
    pub use std::convert::From;
    pub use std::default::Default;
    pub use std::fmt;
    pub use std::future::Future;
    pub use std::marker::{PhantomData, Send, Sized, Sync};
    pub use std::option::Option::{None, Some};
    pub use std::result::Result::{self, Err, Ok};
    pub use std::string::{String, ToString};
    pub use std::sync::Arc;
    pub use std::time::Duration;

    #[cfg(feature = "dyn")]
    pub use async_trait::async_trait;
    pub use serde::{Serialize, de::DeserializeOwned};

    pub use crate::dispatch::{Router, Routes, Service};
    pub use crate::error::{
        CalledResult, ErrorText, MethodResult, OnWire, Param, ParamType, Reply, ResultType, RpcError,
        ServedResult, error, error_data, error_fields, error_text, error_with,
    };
    pub use crate::message::{ErrorObject, Fields, Given, Named, Null, Params, Single};
    pub use crate::peer::{invoke, notification, request};
    pub use crate::redact::{Marks, Sensitive};
    pub use crate::{Batch, BatchCall, BatchCalls, Call, Context, Notify, Peer};
}
