//! How streams end: for the side that consumes one, and for the side that produces it.

use crate::message::{ErrorCode, ErrorObject};

/// How a stream ended for its consumer. Only [`End::Complete`] is a clean end, and only the producer's own
/// word makes one: a reply with a result, or an `rpc.done` without an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    /// The producer's error: the method's own, or one of the framework's codes.
    Error(Box<ErrorObject>),
    /// The call was cancelled, by either side, or is over while its argument is still held.
    Cancelled,
    /// The producer's source was too fast for it, and so many items are missing.
    Lagged {
        missed: u64,
    },
    /// The end that came is none that can be read: how.
    Undecodable(&'static str),
    Disconnected,
}

/// What is said of a peer that does not keep to its credit.
pub(super) const EXCESS: &str = "a stream has sent more items than were granted";

impl End {
    /// What an error on the wire means: as a reply, or in an `rpc.done`.
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

    /// What an `rpc.done` says. An error that is none is no clean end.
    pub(crate) fn of_done(error: Option<&str>) -> Self {
        match error.map(serde_json::from_str) {
            None => Self::Complete,
            Some(Ok(error)) => Self::of_error(error),
            Some(Err(_)) => Self::Undecodable("the error in `rpc.done` is no error object"),
        }
    }

    /// The end of a stream whose peer sent more than it was granted.
    pub(super) fn excess() -> Self {
        let error = ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", EXCESS);
        Self::Error(Box::new(error))
    }
}

/// Why a producer is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The consumer wants no more of this argument; the call goes on.
    Stopped,
    /// The call is over: answered, cancelled, or failed.
    CallOver,
    /// This side drains, and the stream would never end by itself.
    Draining,
    /// The connection ended before the call's request was sent: the argument is untouched, and may go with
    /// the call to the next connection.
    Unsent,
    Disconnected,
}
