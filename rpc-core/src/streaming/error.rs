//! Why a stream ended before it was complete.

use std::fmt;

use crate::close::CloseReason;
use crate::error::{CallError, ErrorDetail, RpcError};
use crate::message::{ErrorCode, ErrorObject};
use crate::multiplexer::StreamEnd;

/// Why a stream ended before it was complete. It is the last item that the consumer gets.
///
/// A producer also ends its own stream with it: the consumer gets the error of [`StreamError::Method`] as
/// such. `?` converts an error of type `E`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamError<E = ErrorObject> {
    /// The producer failed with this error.
    Method(E),
    /// The peer ended the stream, and not with an error of the method: its producer panicked, an item was too
    /// large, a limit was exceeded, or the peer shuts down.
    Refused(ErrorObject),
    /// The call of the stream was cancelled, by either side. If a handler's call ends while a task still
    /// reads its argument, the argument also ends like this.
    Cancelled,
    /// Items are lost after those that were received. The producer's source was faster than the stream, or
    /// the consumer of a subscription at a peer that does not speak `birpc.v1` was too slow
    /// ([`crate::Limits::subscription_window_items`]).
    Lagged {
        /// The number of lost items.
        missed: u64,
    },
    /// An item, or the end of the stream, does not decode. The call is cancelled.
    Undecodable(ErrorDetail),
    /// The connection ended first.
    Disconnected {
        /// Why the connection ended.
        reason: CloseReason,
    },
    /// No item came within [`Call::idle_timeout`](crate::Call::idle_timeout). The call is cancelled.
    TimedOut,
    /// The connection was lost, and the call that subscribed again on the next one has failed with this
    /// ([`Call::resubscribing`](crate::Call::resubscribing)).
    Resubscribe(CallError),
}

impl<E> StreamError<E> {
    /// Returns the error of [`StreamError::Method`].
    #[must_use]
    pub fn into_method(self) -> Option<E> {
        match self {
            Self::Method(error) => Some(error),
            _ => None,
        }
    }
}

impl<E: RpcError> StreamError<E> {
    /// Converts the end of a stream in the table. `None` if the stream is complete.
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

    /// Converts the error with which a producer ended its stream to the one that is sent.
    pub(crate) fn into_error_object(self) -> ErrorObject {
        let detail = match self {
            Self::Method(error) => return error.into_error_object().of_handler(),
            Self::Refused(error) => return ErrorObject::caused_by(error),
            Self::Cancelled => "the forwarded stream was cancelled",
            Self::Lagged { missed } => return lagged(missed),
            Self::Undecodable(_) => "the forwarded stream had an invalid item",
            Self::Disconnected { .. } => "the connection of the forwarded stream has ended",
            Self::TimedOut => "the forwarded stream timed out",
            Self::Resubscribe(_) => "the forwarded stream could not continue after an outage",
        };
        ErrorObject::framework_with(ErrorCode::Internal, "detail", detail)
    }
}

/// The error of a producer that has lost items.
fn lagged(missed: u64) -> ErrorObject {
    #[derive(serde::Serialize)]
    struct Data {
        kind: &'static str,
        missed: u64,
    }
    let code = ErrorCode::Lagged;
    ErrorObject::new(code.number(), code.message()).with_data(&Data { kind: code.kind(), missed })
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
                write!(f, "the stream's source was faster than the stream: {missed} items are lost")
            }
            Self::Undecodable(detail) => match detail.own_text() {
                Some(text) => write!(f, "the stream does not decode: {text}"),
                None => f.write_str("the stream does not decode"),
            },
            Self::Disconnected { reason } => {
                write!(f, "the connection ended before the stream was complete: {reason}")
            }
            Self::TimedOut => f.write_str("the stream timed out: no item came in time"),
            Self::Resubscribe(error) => write!(f, "the stream could not continue after an outage: {error}"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for StreamError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Method(error) => error.source(),
            Self::Undecodable(detail) => detail.unsaid_source(),
            // The texts of these include everything.
            Self::Refused(_)
            | Self::Cancelled
            | Self::Lagged { .. }
            | Self::Disconnected { .. }
            | Self::Resubscribe(_)
            | Self::TimedOut => None,
        }
    }
}
