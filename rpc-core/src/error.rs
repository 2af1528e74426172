//! What a caller learns when a call did not succeed, and how typed errors travel.

mod data;
mod detail;
mod wire_types;

use std::fmt;

use crate::close::CloseReason;
use crate::message::{ErrorCode, ErrorObject};

pub use data::{error, error_data, error_fields, error_with};
pub use detail::ErrorDetail;
pub use wire_types::{
    CalledResult, ErrorText, OnWire, Param, ParamType, Reply, ResultType, ServedResult, error_text,
};

/// Why a call has no result: the method's own error, or why the call did not complete.
///
/// `?` turns it into an [`ErrorObject`]: a handler that awaits a call of its own fails with −32603 then, and
/// its caller finds in `data.cause` what the peer answered. [`CallError::relay`] passes the peer's answer on
/// as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError<E = ErrorObject> {
    /// The method ran and returned this.
    Method(E),
    /// The peer refused the call (unknown method, bad params, a limit), failed in it, or returned an error
    /// that is none of the method's own. [`ErrorObject::is_not_served`] is true if the method has not run for
    /// certain.
    Rpc(ErrorObject),
    /// The call's timeout passed. The peer has been told, if its dialect has a word for it.
    TimedOut,
    /// The call was cancelled here: by its [`crate::CallHandle`], or with the call that caused it. The peer
    /// has been told, if the request had been sent and its dialect has a word for it.
    Cancelled,
    /// The connection ended first.
    Disconnected {
        /// Why it ended.
        reason: CloseReason,
        /// Whether the request had been handed to the socket: if not, the peer cannot have seen it, and the
        /// call may be made again without being served twice.
        sent: bool,
    },
    /// The reply was no valid response, or its result was not of the expected type: why, and the beginning of
    /// what came. What a result marked as sensitive holds is not shown, nor the values of keys that name
    /// secrets.
    Undecodable(ErrorDetail),
    /// The params could not be sent: they do not serialise, are neither an array nor an object, or are
    /// over the limit. Nothing was sent.
    Unsendable(ErrorDetail),
    /// A layer of [`crate::Peer::layer`] failed with an error that is none of these:
    /// [`ErrorDetail::downcast_ref`] has it.
    Layer(ErrorDetail),
}

impl<E> CallError<E> {
    /// The method's own error, if it is one.
    #[must_use]
    pub fn into_method(self) -> Option<E> {
        match self {
            Self::Method(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the method may have run: `false` if nothing was sent, or if a peer that speaks `birpc.v1` says
    /// that it refused the call before its handler began ([`ErrorObject::is_not_served`]). Then the call can
    /// be made again without being served twice.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Unsendable(_) => false,
            Self::Disconnected { sent, .. } => *sent,
            Self::Rpc(error) => !error.is_not_served(),
            // Also of a layer's error: what it has sent before is not known here.
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
    /// Sorts an error reply into the method's own and the others.
    pub(crate) fn from_reply(error: ErrorObject) -> Self {
        // A method that has not run has returned nothing.
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
    /// The same error to a caller of a method with its own error type.
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

/// Without the text of the source, which who walks the sources prints next.
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
            // Those whose text says it all.
            Self::Rpc(_) | Self::TimedOut | Self::Cancelled | Self::Disconnected { .. } => None,
        }
    }
}

impl<E: RpcError> CallError<E> {
    /// The error for a handler that stands between its caller and the peer that it called, and passes on what
    /// the peer answered: code, message and data as they are. How else the call ended becomes −32603, as with
    /// `?`.
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

/// What a handler fails with whose own call failed. Its caller must not take the answer to that call for the
/// answer to its own, whose method has run: so the code is −32603, and the answer is in `data.cause`.
impl<E: RpcError> From<CallError<E>> for ErrorObject {
    fn from(error: CallError<E>) -> Self {
        let detail = match error {
            CallError::Method(error) => return Self::caused_by(error.into_error_object()),
            CallError::Rpc(error) => return Self::caused_by(error),
            // What ended the nested call is this side's business; its caller learns the kind.
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

/// An error type that travels as an [`ErrorObject`] and comes back typed. `#[derive(birpc::RpcError)]`
/// implements it for enums and structs; this is what it comes to:
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
    /// The error as it goes over the wire.
    fn into_error_object(self) -> ErrorObject;

    /// The error that came over the wire; never one of the framework's.
    ///
    /// # Errors
    /// Gives the object back if it is none of this type's errors.
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

/// What a request may return: a `Result` under whatever alias. No other type implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by a request",
    label = "not a `Result<T, E>`",
    note = "a request returns `Result<T, E>`; the server needs `T: Serialize`, the stub `T: \
        DeserializeOwned`, both `E: RpcError`"
)]
pub trait MethodResult: sealed::Sealed + Send + 'static {
    /// What the method returns when it succeeds.
    type Ok: Send;
    /// What it returns when it does not.
    type Err: RpcError;

    /// The result itself.
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
