//! How a stream ended that did not complete.

use std::fmt;

use crate::close::CloseReason;
use crate::error::{ErrorDetail, RpcError};
use crate::message::{ErrorCode, ErrorObject};
use crate::multiplexer::{LAGGED, StreamEnd};

/// Why a stream ended before it was complete: the last that its consumer gets of it.
///
/// A handler ends a stream of its own with it too: [`StreamError::Method`] is what its consumer gets as that,
/// and `?` makes it of an error of type `E`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamError<E = ErrorObject> {
    /// The producer failed with this.
    Method(E),
    /// The peer ended the stream for a reason that is none of the method's own: its producer panicked, an
    /// item did not fit, a limit was exceeded, or the peer shuts down.
    Refused(ErrorObject),
    /// The call of the stream was cancelled, by either side. An argument ends so too if the call is over
    /// while something still reads it.
    Cancelled,
    /// The producer's source did not wait for it, and items are missing from here on.
    Lagged {
        /// How many.
        missed: u64,
    },
    /// An item, or the end, was not of the expected type: why. The call has been cancelled.
    Undecodable(ErrorDetail),
    /// The connection ended first.
    Disconnected {
        /// Why it ended.
        reason: CloseReason,
    },
    /// No item came for so long as [`Call::idle_timeout`](crate::Call::idle_timeout) says. The call has been
    /// cancelled.
    TimedOut,
}

impl<E> StreamError<E> {
    /// The producer's own error, if it is one.
    #[must_use]
    pub fn into_method(self) -> Option<E> {
        match self {
            Self::Method(error) => Some(error),
            _ => None,
        }
    }
}

impl<E: RpcError> StreamError<E> {
    /// What a bad end in the table means; `None` for a complete one.
    pub(crate) fn of_end(end: StreamEnd, reason: impl FnOnce() -> CloseReason) -> Option<Self> {
        Some(match end {
            StreamEnd::Complete => return None,
            StreamEnd::Cancelled => Self::Cancelled,
            StreamEnd::Lagged { missed } => Self::Lagged { missed },
            StreamEnd::Undecodable(why) => Self::Undecodable(why.into()),
            StreamEnd::Disconnected => Self::Disconnected { reason: reason() },
            StreamEnd::Error(error) if error.framework_code().is_some() => Self::Refused(*error),
            StreamEnd::Error(error) => match E::from_error_object(*error) {
                Ok(error) => Self::Method(error),
                Err(error) => Self::Refused(error),
            },
        })
    }

    /// The end as it is sent to whoever consumes the stream.
    pub(crate) fn into_error_object(self) -> ErrorObject {
        let detail = match self {
            Self::Method(error) => return error.into_error_object().of_handler(),
            Self::Refused(error) => return ErrorObject::caused_by(error),
            Self::Cancelled => "the stream that this one passes on was cancelled",
            Self::Lagged { missed } => return lagged(missed),
            Self::Undecodable(_) => "the stream that this one passes on had an invalid item",
            Self::Disconnected { .. } => "the peer whose stream this one passes on has disconnected",
            Self::TimedOut => "the stream that this one passes on timed out",
        };
        ErrorObject::framework_with(ErrorCode::Internal, "detail", detail)
    }
}

/// An end whose producer has lost items.
fn lagged(missed: u64) -> ErrorObject {
    #[derive(serde::Serialize)]
    struct Data {
        kind: &'static str,
        missed: u64,
    }
    ErrorObject::new(LAGGED, "Items were lost").with_data(&Data { kind: "lagged", missed })
}

impl<E: RpcError> From<E> for StreamError<E> {
    fn from(error: E) -> Self {
        Self::Method(error)
    }
}

impl<E: fmt::Display> fmt::Display for StreamError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(error) => error.fmt(f),
            Self::Refused(error) => write!(f, "the peer ended the stream: {error}"),
            Self::Cancelled => f.write_str("the call of the stream was cancelled"),
            Self::Lagged { missed } => {
                write!(f, "the stream's source was too fast, {missed} items are missing")
            }
            Self::Undecodable(detail) => match detail.own_text() {
                Some(text) => write!(f, "the stream does not decode: {text}"),
                None => f.write_str("the stream does not decode"),
            },
            Self::Disconnected { reason } => {
                write!(f, "the connection ended before the stream was complete: {reason}")
            }
            Self::TimedOut => f.write_str("the stream timed out: no item came in time"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for StreamError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Method(error) => error.source(),
            Self::Undecodable(detail) => detail.unsaid_source(),
            // Those whose text says it all.
            Self::Refused(_)
            | Self::Cancelled
            | Self::Lagged { .. }
            | Self::Disconnected { .. }
            | Self::TimedOut => None,
        }
    }
}
