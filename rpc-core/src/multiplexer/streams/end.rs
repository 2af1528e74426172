//! How streams end, for their consumers and for their producers.

use crate::message::{ErrorCode, ErrorObject};

/// How a stream ended for its consumer. Only a message of the producer makes a stream complete: a reply with
/// a result, or an `rpc.done` without an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    /// The producer's error. It is an error of the method, or one of the framework.
    Error(Box<ErrorObject>),
    /// The call was cancelled by either side, or has ended while its argument was still being read.
    Cancelled,
    /// The producer's source was faster than the stream, and items are lost.
    Lagged {
        missed: u64,
    },
    /// The end does not decode, for this reason.
    Undecodable(&'static str),
    Disconnected,
}

/// The error text for a peer that exceeds its credit.
pub(super) const EXCESS: &str = "a stream has sent more items than were granted";

impl End {
    /// Converts an error of a reply or an `rpc.done`.
    pub(crate) fn of_error(error: ErrorObject) -> Self {
        #[derive(serde::Deserialize)]
        struct Data {
            #[serde(default)]
            missed: u64,
        }
        match error.framework_code() {
            Some(ErrorCode::Cancelled) => Self::Cancelled,
            Some(ErrorCode::Lagged) => {
                Self::Lagged { missed: error.data::<Data>().map_or(0, |data| data.missed) }
            }
            _ => Self::Error(Box::new(error)),
        }
    }

    /// Converts the end in an `rpc.done`. If its third param is not an error object, the end does not decode.
    pub(crate) fn of_done(error: Option<&str>) -> Self {
        match error.map(serde_json::from_str) {
            None => Self::Complete,
            Some(Ok(error)) => Self::of_error(error),
            Some(Err(_)) => Self::Undecodable("the error in `rpc.done` is not an error object"),
        }
    }

    /// The end of a stream whose peer sent more than it was granted.
    pub(super) fn excess() -> Self {
        let error = ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", EXCESS);
        Self::Error(Box::new(error))
    }
}

/// Why a producer must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The callee does not want more of this argument. The call continues.
    Stopped,
    /// The call was answered or cancelled, or has failed.
    CallOver,
    /// This side drains, and the stream would never end by itself.
    Draining,
    /// The connection ended before the call's request was sent. The argument has not been read, and may be
    /// sent with the call on the next connection.
    Unsent,
    Disconnected,
}
