//! The other end of a handle: one connection, or the current connection of a client that reconnects.

use std::sync::Arc;

use crate::close::{CloseFrame, CloseReason, ConnectionState};
use crate::config::Config;
use crate::handshake::ConnectionInfo;
use crate::reconnecting::Reconnecting;
use crate::shared_state::{SharedState, Values};

#[derive(Clone)]
pub(crate) enum Endpoint {
    Connection(Arc<SharedState>),
    Reconnecting(Arc<Reconnecting>),
}

impl Endpoint {
    /// The id that all handles of one connection, or of one reconnecting client, share.
    pub(super) fn id(&self) -> u64 {
        match self {
            Self::Connection(shared) => shared.peer_id(),
            Self::Reconnecting(reconnecting) => reconnecting.id,
        }
    }

    pub(super) fn config(&self) -> &Arc<Config> {
        match self {
            Self::Connection(shared) => shared.config(),
            Self::Reconnecting(reconnecting) => &reconnecting.config,
        }
    }

    /// The facts from the handshake. For a client that reconnects, those that are the same for all of its
    /// connections.
    pub(super) fn info(&self) -> &ConnectionInfo {
        match self {
            Self::Connection(shared) => shared.info(),
            Self::Reconnecting(reconnecting) => &reconnecting.info,
        }
    }

    /// The application's values.
    pub(super) fn values(&self) -> &Values {
        match self {
            Self::Connection(shared) => shared.values(),
            Self::Reconnecting(reconnecting) => &reconnecting.values,
        }
    }

    /// The connection. For a client that reconnects, the current or the last one.
    pub(super) fn current(&self) -> Arc<SharedState> {
        match self {
            Self::Connection(shared) => shared.clone(),
            Self::Reconnecting(reconnecting) => reconnecting.current(),
        }
    }

    pub(super) fn reconnecting(&self) -> Option<&Arc<Reconnecting>> {
        match self {
            Self::Connection(_) => None,
            Self::Reconnecting(reconnecting) => Some(reconnecting),
        }
    }

    pub(super) fn subprotocol(&self) -> Option<&str> {
        match self {
            Self::Connection(shared) => shared.info().subprotocol.as_deref(),
            Self::Reconnecting(reconnecting) => reconnecting.subprotocol(),
        }
    }

    pub(super) fn state(&self) -> ConnectionState {
        match self {
            Self::Connection(shared) => shared.as_caller().lifetime(),
            Self::Reconnecting(reconnecting) => reconnecting.lifetime(),
        }
    }

    pub(super) fn close(&self, frame: CloseFrame) {
        match self {
            Self::Connection(shared) => shared.as_caller().close(frame),
            Self::Reconnecting(reconnecting) => reconnecting.close(frame),
        }
    }

    /// Why the connection is ending or has ended.
    pub(super) fn ending(&self) -> Option<CloseReason> {
        match self {
            Self::Connection(shared) => shared.as_life().ending(),
            Self::Reconnecting(reconnecting) => reconnecting.ending(),
        }
    }

    /// Waits until the connection has ended, and returns why.
    pub(super) async fn closed(&self) -> CloseReason {
        match self {
            Self::Connection(shared) => shared.as_life().closed().await,
            Self::Reconnecting(reconnecting) => reconnecting.closed().await,
        }
    }
}
