//! Which connection a handle is of, and how long that lives: until the last handle of a client goes, and for one that reconnects over
//! many connections.

use std::fmt;
use std::sync::Arc;

use super::Peer;
use crate::close::{CloseCode, CloseFrame, CloseReason};
use crate::line::{LineKeeper, Phase};
use crate::link::Link;

pub(super) struct CloseOnDrop(Peer);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close_with(CloseFrame { code: CloseCode::NORMAL, reason: String::new() });
    }
}

impl Peer {
    /// A handle whose clones close the connection with 1000 when the last of them is dropped: a
    /// client's.
    #[doc(hidden)]
    #[must_use]
    pub fn closing_on_drop(mut self) -> Self {
        self.guard = Some(Arc::new(CloseOnDrop(self.clone())));
        self
    }

    /// A handle on a line, whichever of its connections is up.
    #[doc(hidden)]
    #[must_use]
    pub fn on_line(keeper: &LineKeeper) -> Self {
        Self { line: Some(keeper.0.clone()), ..Self::new(keeper.0.base.clone()) }
    }

    /// Waits until a line is up; `Err` if it has ended.
    #[doc(hidden)]
    pub async fn up(&self) -> Result<(), CloseReason> {
        let Some(line) = &self.line else { return Ok(()) };
        line.until(|line| match line.standing().phase {
            Phase::Up => Some(Ok(())),
            Phase::Down => None,
            Phase::Ended(reason) => Some(Err(reason)),
        })
        .await
    }

    /// The connection; of a line, the one that is there now, or was the last.
    pub(super) fn current(&self) -> Arc<Link> {
        self.line.as_ref().map_or_else(|| self.link.clone(), |line| line.link())
    }

    /// What handles of one connection, or of one client that reconnects, have in common.
    pub(super) fn line_id(&self) -> u64 {
        self.link.line_id
    }

    pub(super) fn close_with(&self, frame: CloseFrame) {
        match &self.line {
            Some(line) => line.close(frame),
            None => self.link.close(frame),
        }
    }
}

/// Two handles are equal if they are of the same connection, or of the same client that reconnects.
impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        self.line_id() == other.line_id()
    }
}

impl Eq for Peer {}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("id", &self.id()).field("remote", &self.remote()).finish_non_exhaustive()
    }
}
