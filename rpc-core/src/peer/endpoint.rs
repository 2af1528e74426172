//! The other end of a handle: one connection, the current connection of a client that reconnects, or a peer
//! of another server.

use std::sync::Arc;

use super::elsewhere::Elsewhere;
use super::layer::Layer;
use crate::close::{CloseFrame, CloseReason, ConnectionState};
use crate::config::Config;
use crate::handshake::ConnectionInfo;
use crate::reconnecting::Reconnecting;
use crate::shared_state::{SharedState, Values};

#[derive(Clone)]
pub(crate) enum Endpoint {
    Connection(Arc<SharedState>),
    Reconnecting(Arc<Reconnecting>),
    Elsewhere(Arc<Elsewhere>),
}

impl Endpoint {
    /// The id that all handles of one connection, or of one reconnecting client, share.
    pub(super) fn id(&self) -> u64 {
        match self {
            Self::Connection(shared) => shared.peer_id(),
            Self::Reconnecting(reconnecting) => reconnecting.id,
            Self::Elsewhere(elsewhere) => elsewhere.id(),
        }
    }

    pub(super) fn config(&self) -> &Arc<Config> {
        match self {
            Self::Connection(shared) => shared.config(),
            Self::Reconnecting(reconnecting) => &reconnecting.config,
            Self::Elsewhere(elsewhere) => elsewhere.config(),
        }
    }

    /// The facts from the handshake. For a client that reconnects, those that are the same for all of its
    /// connections.
    pub(super) fn info(&self) -> &ConnectionInfo {
        match self {
            Self::Connection(shared) => shared.info(),
            Self::Reconnecting(reconnecting) => &reconnecting.info,
            Self::Elsewhere(elsewhere) => elsewhere.unconnected().info(),
        }
    }

    /// The application's values.
    pub(super) fn values(&self) -> &Values {
        match self {
            Self::Connection(shared) => shared.values(),
            Self::Reconnecting(reconnecting) => &reconnecting.values,
            Self::Elsewhere(elsewhere) => elsewhere.unconnected().values(),
        }
    }

    /// The connection. For a client that reconnects, the current or the last one.
    pub(super) fn current(&self) -> Arc<SharedState> {
        match self {
            Self::Connection(shared) => shared.clone(),
            Self::Reconnecting(reconnecting) => reconnecting.current(),
            Self::Elsewhere(elsewhere) => elsewhere.unconnected().clone(),
        }
    }

    pub(super) fn reconnecting(&self) -> Option<&Arc<Reconnecting>> {
        match self {
            Self::Connection(_) | Self::Elsewhere(_) => None,
            Self::Reconnecting(reconnecting) => Some(reconnecting),
        }
    }

    pub(super) fn elsewhere(&self) -> Option<&Elsewhere> {
        match self {
            Self::Connection(_) | Self::Reconnecting(_) => None,
            Self::Elsewhere(elsewhere) => Some(elsewhere),
        }
    }

    /// The innermost layer of each handle.
    pub(super) fn layer(&self) -> Option<Arc<Layer>> {
        self.elsewhere().map(Elsewhere::layer)
    }

    pub(super) fn subprotocol(&self) -> Option<&str> {
        match self {
            Self::Connection(shared) => shared.info().subprotocol.as_deref(),
            Self::Reconnecting(reconnecting) => reconnecting.subprotocol(),
            Self::Elsewhere(_) => None,
        }
    }

    pub(super) fn state(&self) -> ConnectionState {
        match self {
            Self::Connection(shared) => shared.as_caller().lifetime(),
            Self::Reconnecting(reconnecting) => reconnecting.lifetime(),
            Self::Elsewhere(_) => ConnectionState::Closed,
        }
    }

    pub(super) fn close(&self, frame: CloseFrame) {
        match self {
            Self::Connection(shared) => shared.as_caller().close(frame),
            Self::Reconnecting(reconnecting) => reconnecting.close(frame),
            Self::Elsewhere(_) => {}
        }
    }

    /// Why the connection is ending or has ended.
    pub(super) fn ending(&self) -> Option<CloseReason> {
        match self {
            Self::Connection(shared) => shared.as_life().ending(),
            Self::Reconnecting(reconnecting) => reconnecting.ending(),
            Self::Elsewhere(elsewhere) => elsewhere.unconnected().as_life().ending(),
        }
    }

    /// Waits until the connection has ended, and returns why.
    pub(super) async fn closed(&self) -> CloseReason {
        match self {
            Self::Connection(shared) => shared.as_life().closed().await,
            Self::Reconnecting(reconnecting) => reconnecting.closed().await,
            Self::Elsewhere(elsewhere) => elsewhere.unconnected().as_life().closed().await,
        }
    }
}
