//! What generated code asks of the types that a method names, so that rustc reports a type that cannot travel
//! once, where it is written, with a message that says what to write.
//!
//! The blanket impls are not recommended: rustc then reports the trait that has the message, and not what the
//! impl needs. Since each trait has what it needs as supertraits, rustc leaves out the errors that follow
//! from it; and since server and stub use the same aliases, their reports are equal, and shown once.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::MethodResult;

/// A type that one side sends and the other receives.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent and received as JSON",
    label = "`{Self}` needs serde's `Serialize` and `Deserialize`",
    note = "derive what is missing: `#[derive(serde::Serialize, serde::Deserialize)]`; a type of another \
            crate may implement them behind a feature `serde`"
)]
pub trait OnWire: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> OnWire for T {}

/// The type of a parameter.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent and received as JSON",
    label = "`{Self}` needs serde's `Serialize` and `Deserialize`",
    note = "derive what is missing: `#[derive(serde::Serialize, serde::Deserialize)]`; a type of another \
            crate may implement them behind a feature `serde`"
)]
pub trait ParamType {
    /// The type itself.
    type Itself;
}

#[diagnostic::do_not_recommend]
impl<T: OnWire> ParamType for T {
    type Itself = T;
}

/// The type that a request returns.
pub trait ResultType {
    /// The type itself.
    type Itself;
}

impl<R: MethodResult<Ok: OnWire>> ResultType for R {
    type Itself = R;
}

/// The type itself, if it can be a parameter.
pub type Param<T> = <T as ParamType>::Itself;

/// The type itself, if a request can return it.
pub type Reply<R> = <R as ResultType>::Itself;

/// What a handler returns.
pub trait ServedResult: MethodResult<Ok: Serialize> {}

impl<R: MethodResult<Ok: Serialize>> ServedResult for R {}

/// What a stub's method returns.
pub trait CalledResult: MethodResult<Ok: DeserializeOwned> {}

impl<R: MethodResult<Ok: DeserializeOwned>> CalledResult for R {}

/// An error type that has a text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no text to send as the error's message",
    label = "`{Self}` needs `Display`",
    note = "derive it with thiserror: `#[derive(Debug, thiserror::Error, birpc::RpcError)]` and \
            `#[error(\"…\")]`, or implement `std::fmt::Display`"
)]
pub trait ErrorText: fmt::Display {}

#[diagnostic::do_not_recommend]
impl<T: fmt::Display + ?Sized> ErrorText for T {}

/// The message of an error.
pub fn error_text<T: ErrorText>(error: &T) -> String {
    error.to_string()
}
