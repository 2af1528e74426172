//! What generated code and birpc's other crates need of the core, and nobody else. None of it is part of the
//! API: it changes without notice, with any release.
//!
//! Generated code names what is here by `birpc::__private`. birpc's other crates use [`crates`], and are
//! always of the core's own version.

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

pub use crate::context::Context;
pub use crate::dispatch::{Router, Routes, Service};
pub use crate::error::{
    CalledResult, ErrorText, MethodResult, OnWire, Param, ParamType, Reply, ResultType, RpcError,
    ServedResult, error, error_data, error_fields, error_text, error_with,
};
pub use crate::message::{ErrorObject, Fields, Given, Named, Null, Params, Single};
pub use crate::peer::{Batch, BatchCall, BatchCalls, Call, Notify, Peer};
pub use crate::peer::{invoke, notification, request};
pub use crate::redact::{Marks, Sensitive};

/// What `birpc-server` and `birpc-client` need of the core.
pub mod crates {
    use std::future::Future;

    use crate::close::CloseReason;
    use crate::connection::Connection;
    use crate::handshake::ConnectionInfo;
    use crate::peer::Peer;
    use crate::transport::Transport;

    /// The setters that both builders share.
    pub use crate::__connection_settings as connection_settings;
    pub use crate::excerpt::excerpt;
    pub use crate::handshake::{check_subprotocols, is_token, without_secrets};
    pub use crate::jitter::jitter;
    pub use crate::panic_text::panic_text;
    pub use crate::reconnecting::ReconnectDriver;
    pub use crate::transport::websocket::{accept_key, generate_key};

    /// A handle whose clones close the connection with 1000 when the last of them is dropped: a client's.
    #[must_use]
    pub fn closing_on_drop(peer: Peer) -> Peer {
        peer.closing_on_drop()
    }

    /// A handle on a client that reconnects, whichever of its connections is up.
    #[must_use]
    pub fn reconnecting_peer(driver: &ReconnectDriver) -> Peer {
        Peer::of_reconnecting(driver)
    }

    /// Runs application code that has a handle on this connection: it may block its thread, and the
    /// connection continues.
    pub async fn watched<T>(peer: Peer, code: impl Future<Output = T>) -> T {
        peer.current().watched(code).await
    }

    /// Waits until a client has a connection; `Err` if none is to come.
    ///
    /// # Errors
    /// The reason of the end.
    pub async fn connected(peer: &Peer) -> Result<(), CloseReason> {
        peer.up().await
    }

    /// The next connection of a client that reconnects: with its settings and values. It is up once
    /// [`ReconnectDriver::up`] says so; until then it is the handle's alone.
    pub fn next_connection<T: Transport>(
        transport: T,
        driver: &ReconnectDriver,
        info: ConnectionInfo,
    ) -> (Peer, Connection<T>) {
        Connection::of_reconnecting(transport, driver, info)
    }
}
