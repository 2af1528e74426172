//! The state of a connection's end, as its handles see it.

use crate::close::{CloseFrame, CloseReason, ConnectionState};

/// The state of a connection's life. Handles and the connection's task both read it from here.
pub(super) enum Life {
    Open,
    /// A close was requested, first with this frame, which is sent after everything that is queued.
    CloseRequested(CloseFrame),
    /// Nothing more can be sent.
    Ending(CloseReason),
    Ended(CloseReason),
}

impl Life {
    /// Requests a close. The first request counts.
    pub(super) fn request_close(&mut self, frame: CloseFrame) {
        if matches!(self, Self::Open) {
            *self = Self::CloseRequested(frame);
        }
    }

    /// The close that was requested, if it has not begun.
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

    /// Why the connection has ended.
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
