//! Why a connection stops being open.

use crate::close::{CloseCode, CloseFrame};
use crate::transport::TransportError;

/// Why a connection stops being open.
#[derive(Debug)]
pub(super) enum Ending {
    /// This side's application closes.
    Requested(CloseFrame),
    /// The peer closes; 1005 if it gave no code.
    Remote(u16, String),
    /// The peer broke a rule.
    Violation(CloseFrame),
    /// The connection is gone.
    Lost(String),
}

impl Ending {
    /// The peer broke a rule; the close frame says which.
    pub(super) fn violation(code: CloseCode, why: &str) -> Self {
        Self::Violation(CloseFrame::cut(code, why))
    }
}

impl From<TransportError> for Ending {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Violation(frame) => Self::Violation(frame),
            TransportError::Lost(why) => Self::Lost(why),
        }
    }
}
