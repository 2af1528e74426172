//! The connection of a handle and its lifetime: a client's connection lives until the last of its handles is
//! dropped, and a client that reconnects lives through many connections.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Peer;
use super::endpoint::Endpoint;
use crate::close::{CloseCode, CloseFrame, CloseReason};
use crate::reconnecting::{Phase, ReconnectDriver};
use crate::shared_state::SharedState;

pub(super) struct CloseOnDrop(Peer);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close_with(CloseFrame { code: CloseCode::NORMAL, reason: String::new() });
    }
}

impl Peer {
    /// A client's handle: when the last of its clones is dropped, the connection closes with 1000.
    #[must_use]
    pub(crate) fn closing_on_drop(mut self) -> Self {
        self.guard = Some(Arc::new(CloseOnDrop(self.clone())));
        self
    }

    /// A handle of a client that reconnects, for whichever of its connections is up.
    #[must_use]
    pub(crate) fn of_reconnecting(driver: &ReconnectDriver) -> Self {
        Self::at(Endpoint::Reconnecting(driver.0.clone()))
    }

    /// Waits until a client is connected; `Err` if it has ended.
    pub(crate) async fn up(&self) -> Result<(), CloseReason> {
        let Some(reconnecting) = self.endpoint.reconnecting() else { return Ok(()) };
        reconnecting
            .until(|reconnecting| match reconnecting.standing().phase {
                Phase::Up => Some(Ok(())),
                Phase::Down => None,
                Phase::Ended(reason) => Some(Err(reason)),
            })
            .await
    }

    /// The connection. For a client that reconnects, the current or the last one.
    pub(crate) fn current(&self) -> Arc<SharedState> {
        self.endpoint.current()
    }

    pub(crate) fn close_with(&self, frame: CloseFrame) {
        self.endpoint.close(frame);
    }
}

/// Two handles are equal if they belong to the same connection, or to the same client that reconnects.
impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Peer {}

/// Hashes [`Peer::id`], consistently with `PartialEq`.
impl Hash for Peer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("id", &self.id())
            .field("remote_addr", &self.remote_addr())
            .finish_non_exhaustive()
    }
}
