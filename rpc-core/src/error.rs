//! The errors that a caller gets, and how typed errors travel.

mod data;
mod detail;
mod wire_types;

use std::fmt;

use crate::close::CloseReason;
use crate::message::{ErrorCode, ErrorObject};

pub use data::{error, error_data, error_fields, error_only, error_with};
pub use detail::ErrorDetail;
pub use wire_types::{
    AsParams, AsSubscription, BlockingParam, BlockingReply, ErrorText, IdempotentParam, InBlocking,
    InIdempotent, InNotification, InSubscription, NotificationParam, OnWire, Only, OnlySent, Param, Received,
    ReceivedReply, ReceivedType, Reply, ResultType, Sent, SentType, SingleParam, SubscriptionParam,
    SubscriptionReply, WireType, error_text,
};
pub(crate) use wire_types::{Progressing, Stream};

/// Why a call has no result: the method returned an error, or the call did not complete.
///
/// `?` converts this into an [`ErrorObject`], so a handler whose own call failed can return it: its caller
/// gets −32603 with the peer's error in `data.cause`. [`CallError::relay`] passes the peer's error on
/// unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError<E = ErrorObject> {
    /// The method ran and returned this error.
    Method(E),
    /// The peer answered with an error that is not one of the method's own: the method is unknown, the params
    /// are invalid, a limit was exceeded, or the handler failed. [`ErrorObject::is_not_served`] says whether
    /// the method is known not to have run.
    Rpc(ErrorObject),
    /// The call's timeout elapsed. The peer has been sent a cancel message, if its dialect has one.
    TimedOut,
    /// The call was cancelled on this side: by its [`crate::CallHandle`], or because the incoming call that
    /// made it was cancelled. The peer has been sent a cancel message, if the request had been sent and its
    /// dialect has one.
    Cancelled,
    /// The connection ended before the reply came.
    Disconnected {
        /// Why the connection ended.
        reason: CloseReason,
        /// Whether the request had been handed to the socket. If not, the peer has not seen it, and it is
        /// safe to make the call again.
        sent: bool,
    },
    /// The reply was not a valid response, or its result does not have the expected type. The detail has the
    /// reason and the beginning of the reply. Results that are marked as sensitive and the values of keys
    /// that name secrets are hidden.
    Undecodable(ErrorDetail),
    /// The params could not be sent: they do not serialise, are neither an array nor an object, or exceed a
    /// limit. Nothing was sent.
    Unsendable(ErrorDetail),
    /// A layer of [`crate::Peer::layer`] failed with an error that is not a `CallError`;
    /// [`ErrorDetail::downcast_ref`] returns it.
    Layer(ErrorDetail),
}

impl<E> CallError<E> {
    /// Returns the method's own error, or `None` if this is another error.
    #[must_use]
    pub fn into_method(self) -> Option<E> {
        match self {
            Self::Method(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the method may have run. `false` if nothing was sent, or if a peer that speaks `birpc.v1` says
    /// that it refused the call before the handler began ([`ErrorObject::is_not_served`]). Then it is safe to
    /// make the call again.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Unsendable(_) => false,
            Self::Disconnected { sent, .. } => *sent,
            Self::Rpc(error) => !error.is_not_served(),
            // A layer's error is among these: the layer may have sent the request before it failed.
            Self::Method(_) | Self::TimedOut | Self::Cancelled | Self::Undecodable(_) | Self::Layer(_) => {
                true
            }
        }
    }

    /// Whether the connection ended before the reply came.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected { .. })
    }
}

impl<E: RpcError> CallError<E> {
    /// Decides whether an error reply is the method's own error.
    pub(crate) fn from_reply(error: ErrorObject) -> Self {
        // A method that has not run has not returned an error.
        if error.framework_code().is_some() || error.is_not_served() {
            return Self::Rpc(error);
        }
        match E::from_error_object(error) {
            Ok(error) => Self::Method(error),
            Err(error) => Self::Rpc(error),
        }
    }
}

impl<E> CallError<E> {
    pub(crate) fn unsendable(why: impl Into<ErrorDetail>) -> Self {
        Self::Unsendable(why.into())
    }
}

impl CallError {
    /// Converts the error for a method with an error type of its own.
    pub(crate) fn typed<E: RpcError>(self) -> CallError<E> {
        match self {
            Self::Method(error) => CallError::from_reply(error),
            Self::Rpc(error) => CallError::Rpc(error),
            Self::TimedOut => CallError::TimedOut,
            Self::Cancelled => CallError::Cancelled,
            Self::Disconnected { reason, sent } => CallError::Disconnected { reason, sent },
            Self::Undecodable(why) => CallError::Undecodable(why),
            Self::Unsendable(why) => CallError::Unsendable(why),
            Self::Layer(why) => CallError::Layer(why),
        }
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(error) => error.fmt(f),
            Self::Rpc(error) => write!(f, "the peer refused the call: {error}"),
            Self::TimedOut => f.write_str("the call timed out"),
            Self::Cancelled => f.write_str("the call was cancelled"),
            Self::Disconnected { reason, sent: true } => {
                write!(f, "the connection ended before the reply: {reason}")
            }
            Self::Disconnected { reason, sent: false } => {
                write!(f, "the connection ended before the call was sent: {reason}")
            }
            Self::Undecodable(detail) => write_detail(f, "the reply does not decode", detail),
            Self::Unsendable(detail) => write_detail(f, "the call cannot be sent", detail),
            Self::Layer(detail) => write_detail(f, "a layer ended the call", detail),
        }
    }
}

/// Writes the text without that of the source, since code that walks the chain of sources prints it next.
fn write_detail(f: &mut fmt::Formatter<'_>, what: &str, detail: &ErrorDetail) -> fmt::Result {
    match detail.own_text() {
        Some(text) => write!(f, "{what}: {text}"),
        None => f.write_str(what),
    }
}

impl<E: std::error::Error + 'static> std::error::Error for CallError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Method(error) => error.source(),
            Self::Undecodable(detail) | Self::Unsendable(detail) | Self::Layer(detail) => {
                detail.unsaid_source()
            }
            // The text of these is complete, so they have no source.
            Self::Rpc(_) | Self::TimedOut | Self::Cancelled | Self::Disconnected { .. } => None,
        }
    }
}

impl<E: RpcError> CallError<E> {
    /// Converts this into the error of a handler that relays calls: the peer's error keeps its code, message
    /// and data. If the call ended in another way, the error is −32603, as with `?`.
    ///
    /// ```
    /// use birpc_core::{CallError, ErrorObject, Peer, RawValue};
    ///
    /// async fn forward(backend: Peer, params: Box<RawValue>) -> Result<Box<RawValue>, ErrorObject> {
    ///     backend.call("work", params).await.map_err(CallError::relay)
    /// }
    /// ```
    #[must_use]
    pub fn relay(self) -> ErrorObject {
        match self {
            Self::Method(error) => error.into_error_object(),
            Self::Rpc(error) => error,
            error => error.into(),
        }
    }
}

/// The error of a handler whose own call failed. Its caller must not mistake the answer to the nested call
/// for the answer to its own, so the code is −32603 and the nested answer is in `data.cause`.
impl<E: RpcError> From<CallError<E>> for ErrorObject {
    fn from(error: CallError<E>) -> Self {
        let detail = match error {
            CallError::Method(error) => return Self::caused_by(error.into_error_object()),
            CallError::Rpc(error) => return Self::caused_by(error),
            // The caller learns only in which way the nested call ended.
            CallError::Cancelled => "the call that this one made was cancelled",
            CallError::TimedOut => "the call that this one made timed out",
            CallError::Disconnected { .. } => "the peer that this call needed has disconnected",
            CallError::Undecodable(_) => "the call that this one made got an invalid reply",
            CallError::Unsendable(_) => "the call that this one made could not be sent",
            CallError::Layer(_) => "a layer ended the call that this one made",
        };
        Self::framework_with(ErrorCode::Internal, "detail", detail)
    }
}

/// An error type that travels as an [`ErrorObject`] and is converted back on the caller's side.
/// `#[derive(birpc::RpcError)]` implements it for enums and structs. By hand it looks like this:
///
/// ```
/// use birpc_core::{ErrorObject, RpcError};
///
/// struct TooLong { max: usize }
///
/// impl RpcError for TooLong {
///     fn into_error_object(self) -> ErrorObject {
///         ErrorObject::new(2, "the line is too long").with_data(&self.max)
///     }
///
///     fn from_error_object(error: ErrorObject) -> Result<Self, ErrorObject> {
///         match (error.code(), error.data()) {
///             (2, Some(max)) => Ok(Self { max }),
///             _ => Err(error),
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a JSON-RPC error",
    label = "the error of a request implements `RpcError`",
    note = "derive it: `#[derive(Debug, thiserror::Error, birpc::RpcError)]`, or use `birpc::ErrorObject`"
)]
pub trait RpcError: Sized + Send + 'static {
    /// Converts the error into what is sent.
    fn into_error_object(self) -> ErrorObject;

    /// Converts an error that was received. The framework's own errors are never passed to this.
    ///
    /// # Errors
    /// Returns the object if it is not one of this type's errors.
    fn from_error_object(error: ErrorObject) -> Result<Self, ErrorObject>;
}

impl RpcError for ErrorObject {
    fn into_error_object(self) -> ErrorObject {
        self
    }

    fn from_error_object(error: ErrorObject) -> Result<Self, ErrorObject> {
        Ok(error)
    }
}

/// What a request may return: a `Result`, also under an alias. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by a request",
    label = "not a `Result<T, E>`",
    note = "a request returns `Result<T, E>`; the server needs `T: Serialize`, the stub `T: \
        DeserializeOwned`, both `E: RpcError`"
)]
pub trait MethodResult: sealed::Sealed + Send + 'static {
    /// The type of a success.
    type Ok: Send;
    /// The type of an error.
    type Err: RpcError;

    /// Converts the value into a plain `Result`.
    fn into_result(self) -> Result<Self::Ok, Self::Err>;
}

mod sealed {
    pub trait Sealed {}

    impl<T, E> Sealed for Result<T, E> {}
}

impl<T, E> MethodResult for Result<T, E>
where
    T: Send + 'static,
    E: RpcError,
{
    type Ok = T;
    type Err = E;

    fn into_result(self) -> Self {
        self
    }
}
