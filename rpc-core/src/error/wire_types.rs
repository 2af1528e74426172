//! The bounds that generated code puts on the types of a method. With them, rustc reports a type that cannot
//! be sent at the place where it is written, only once, with a message that says what to write.
//!
//! The blanket impls are marked `do_not_recommend`, so that rustc reports the trait that has the message
//! instead of the bounds of the impl. The requirements are supertraits of each trait, so rustc omits the
//! errors that would follow. Server and stub use the same aliases, so their reports are equal and are shown
//! once.

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

/// A type that is only sent.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as JSON",
    label = "`{Self}` needs serde's `Serialize`",
    note = "derive it: `#[derive(serde::Serialize)]`; a type of another crate may implement it behind a \
            feature `serde`"
)]
pub trait OnlySent: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> OnlySent for T {}

/// The type of a parameter of a trait that is only called.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as JSON",
    label = "`{Self}` needs serde's `Serialize`",
    note = "derive it: `#[derive(serde::Serialize)]`; a type of another crate may implement it behind a \
            feature `serde`"
)]
pub trait SentType {
    /// The type itself.
    type Itself;
}

#[diagnostic::do_not_recommend]
impl<T: OnlySent> SentType for T {
    type Itself = T;
}

/// A type that is only received.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be received as JSON",
    label = "`{Self}` needs serde's `Deserialize`",
    note = "derive it: `#[derive(serde::Deserialize)]`; a type of another crate may implement it behind a \
            feature `serde`"
)]
pub trait Received: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Received for T {}

/// The type that a request of a trait that is only called returns.
pub trait ReceivedType {
    /// The type itself.
    type Itself;
}

impl<R: MethodResult<Ok: Received>> ReceivedType for R {
    type Itself = R;
}

/// The type itself, if it can be sent.
pub type Sent<T> = <T as SentType>::Itself;

/// The type itself, if it can be received.
pub type ReceivedReply<R> = <R as ReceivedType>::Itself;

/// The type itself, if it can be a parameter.
pub type Param<T> = <T as ParamType>::Itself;

/// The type itself, if a request can return it.
pub type Reply<R> = <R as ResultType>::Itself;

/// The bound on what a handler returns.
pub trait ServedResult: MethodResult<Ok: Serialize> {}

impl<R: MethodResult<Ok: Serialize>> ServedResult for R {}

/// The bound on what a method of a stub returns.
pub trait CalledResult: MethodResult<Ok: DeserializeOwned> {}

impl<R: MethodResult<Ok: DeserializeOwned>> CalledResult for R {}

/// An error type that can be displayed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no text to send as the error's message",
    label = "`{Self}` needs `Display`",
    note = "derive it with thiserror: `#[derive(Debug, thiserror::Error, birpc::RpcError)]` and \
            `#[error(\"…\")]`, or implement `std::fmt::Display`"
)]
pub trait ErrorText: fmt::Display {}

#[diagnostic::do_not_recommend]
impl<T: fmt::Display + ?Sized> ErrorText for T {}

/// The message that is sent for an error.
pub fn error_text<T: ErrorText>(error: &T) -> String {
    error.to_string()
}

/// The only field of an error, as it is on the wire. The alias of the field's type must not stand alone:
/// rustc would report serde's traits.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Only<T>(pub T);
