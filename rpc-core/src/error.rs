//! What a caller learns when a call did not succeed, and how typed errors travel.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::close::CloseReason;
use crate::message::{ErrorCode, ErrorObject, Params};

/// Why a call has no result: the method's own error, or why the call did not complete.
///
/// `?` turns it into an [`ErrorObject`], so that a handler may pass on what a nested call met.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError<E = ErrorObject> {
    /// The method ran and returned this.
    Method(E),
    /// The peer refused the call (unknown method, bad params, a limit), failed in it, or returned an error
    /// that is none of the method's own.
    Refused(ErrorObject),
    /// The call's timeout passed. The peer has been told, if its dialect has a word for it.
    TimedOut,
    /// The call was cancelled here: by its [`crate::CallHandle`], or with the call that caused it. The peer has
    /// been told, if the request had been sent and its dialect has a word for it.
    Cancelled,
    /// The connection ended first.
    Disconnected {
        /// Why it ended.
        reason: CloseReason,
        /// Whether the request had been handed to the socket: if not, the peer cannot have seen it, and the call
        /// may be made again without being served twice.
        sent: bool,
    },
    /// The reply was no valid response, or its result was not of the expected type: why, and the beginning of what
    /// came. What a result marked as sensitive holds is not shown, nor the values of keys that name secrets.
    Undecodable(String),
    /// The params could not be sent: they do not serialise, are neither an array nor an object, or are
    /// over the limit. Nothing was sent.
    Unsendable(String),
    /// A layer of [`crate::Peer::layer`] failed with an error that is none of these; its text.
    Layer(String),
}

impl<E> CallError<E> {
    /// The method's own error, if it is one.
    pub fn into_method(self) -> Option<E> {
        match self {
            Self::Method(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the connection ended before the reply came.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected { .. })
    }
}

impl<E: RpcError> CallError<E> {
    /// Sorts an error reply into the method's own and the others.
    pub(crate) fn from_reply(error: ErrorObject) -> Self {
        if error.framework_code().is_some() {
            return Self::Refused(error);
        }
        match E::from_error_object(error) {
            Ok(error) => Self::Method(error),
            Err(error) => Self::Refused(error),
        }
    }
}

impl CallError {
    /// The same error to a caller of a method with its own error type.
    pub(crate) fn typed<E: RpcError>(self) -> CallError<E> {
        match self {
            Self::Method(error) => CallError::from_reply(error),
            Self::Refused(error) => CallError::Refused(error),
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
            Self::Refused(error) => write!(f, "the peer refused the call: {error}"),
            Self::TimedOut => f.write_str("the call timed out"),
            Self::Cancelled => f.write_str("the call was cancelled"),
            Self::Disconnected { reason, sent: true } => {
                write!(f, "the connection ended before the reply: {reason}")
            }
            Self::Disconnected { reason, sent: false } => {
                write!(f, "the connection ended before the call was sent: {reason}")
            }
            Self::Undecodable(why) => write!(f, "the reply does not decode: {why}"),
            Self::Unsendable(why) => write!(f, "the call cannot be sent: {why}"),
            Self::Layer(why) => write!(f, "a layer ended the call: {why}"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for CallError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Method(error) => error.source(),
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}

impl<E: RpcError> From<CallError<E>> for ErrorObject {
    fn from(error: CallError<E>) -> Self {
        match error {
            CallError::Method(error) => error.into_error_object(),
            CallError::Refused(error) => error,
            CallError::Cancelled => Self::framework(ErrorCode::Cancelled),
            // What ended the nested call is this side's business; its caller learns the kind.
            CallError::TimedOut => internal("the call that this one made timed out"),
            CallError::Disconnected { .. } => internal("the peer that this call needed is gone"),
            CallError::Undecodable(_) => internal("the call that this one made got no usable reply"),
            CallError::Unsendable(_) => internal("the call that this one made could not be sent"),
            CallError::Layer(_) => internal("the call that this one made was ended on its way"),
        }
    }
}

fn internal(detail: &str) -> ErrorObject {
    ErrorObject::framework_with(ErrorCode::Internal, "detail", detail)
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
    message = "`{Self}` cannot travel as a JSON-RPC error",
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

/// What a request may return: a `Result` under whatever alias.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a request may return",
    label = "not a `Result<T, E>`",
    note = "a request returns `Result<T, E>`; the server needs `T: Serialize`, the stub `T: DeserializeOwned`, both `E: RpcError`"
)]
pub trait MethodResult: Send + 'static {
    /// What the method returns when it succeeds.
    type Ok: Send;
    /// What it returns when it does not.
    type Err: RpcError;

    /// The result itself.
    fn into_result(self) -> Result<Self::Ok, Self::Err>;
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

/// An error of a derived type without fields.
#[doc(hidden)]
pub fn error(code: i64, message: String) -> ErrorObject {
    ErrorObject::new(code, message)
}

/// An error of a derived type with fields.
#[doc(hidden)]
pub fn error_with<D: Serialize>(code: i64, message: String, data: &D) -> ErrorObject {
    ErrorObject::new(code, message).with_data(data)
}

/// The fields of a derived error that has no names for them.
#[doc(hidden)]
pub fn error_data<D: DeserializeOwned>(error: &ErrorObject) -> Option<D> {
    error.data()
}

/// The fields of a derived error by their names.
#[doc(hidden)]
pub fn error_fields<P: Params>(error: &ErrorObject, names: &'static [&'static str]) -> Option<P> {
    P::decode(error.raw_data().map(RawValue::get), names).ok()
}
