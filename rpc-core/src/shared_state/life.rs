//! How far a connection is with its end, as its handles see it.

use crate::close::{CloseFrame, CloseReason, ConnectionState};

/// Where a connection is in its life: the one place that says so, for its handles and its task.
pub(super) enum Life {
    Open,
    /// The close that was requested first. It goes out behind what is queued.
    CloseRequested(CloseFrame),
    /// Nothing new may be sent.
    Ending(CloseReason),
    Ended(CloseReason),
}

impl Life {
    /// Requests a close; the first request counts.
    pub(super) fn request_close(&mut self, frame: CloseFrame) {
        if matches!(self, Self::Open) {
            *self = Self::CloseRequested(frame);
        }
    }

    /// The close that was requested and has not begun.
    pub(super) fn requested_close(&self) -> Option<&CloseFrame> {
        match self {
            Self::CloseRequested(frame) => Some(frame),
            Self::Open | Self::Ending(_) | Self::Ended(_) => None,
        }
    }

    /// Why nothing can be sent any more.
    pub(super) fn ending(&self) -> Option<&CloseReason> {
        match self {
            Self::Open | Self::CloseRequested(_) => None,
            Self::Ending(reason) | Self::Ended(reason) => Some(reason),
        }
    }

    /// Why it has ended.
    pub(super) fn ended(&self) -> Option<&CloseReason> {
        match self {
            Self::Open | Self::CloseRequested(_) | Self::Ending(_) => None,
            Self::Ended(reason) => Some(reason),
        }
    }

    pub(super) fn state(&self) -> ConnectionState {
        match self {
            Self::Open => ConnectionState::Open,
            Self::CloseRequested(_) | Self::Ending(_) => ConnectionState::Closing,
            Self::Ended(_) => ConnectionState::Closed,
        }
    }
}
