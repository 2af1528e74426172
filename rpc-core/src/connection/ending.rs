//! The causes of a connection's end.

use crate::close::{CloseCode, CloseFrame};
use crate::transport::TransportError;

/// Why a connection is no longer open.
#[derive(Debug)]
pub(super) enum Ending {
    /// The application on this side closes.
    Requested(CloseFrame),
    /// The peer closes. The code is 1005 if its close frame had none.
    Remote(u16, String),
    /// The peer broke a rule.
    Violation(CloseFrame),
    /// The connection was lost.
    Lost(String),
}

impl Ending {
    /// The peer broke a rule, which the close frame names.
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
