//! The bounds that generated code puts on the types of a method. With them, rustc reports a type that cannot
//! be sent at the place where it is written, only once, with a message that says what to write.
//!
//! The blanket impls are marked `do_not_recommend`, so that rustc reports the trait that has the message
//! instead of the bounds of the impl. The requirements are supertraits of each trait, so rustc omits the
//! errors that would follow. Server and stub use the same aliases, so their reports are equal and are shown
//! once.
//!
//! Streams and the progress of a call are wire types too, of other kinds than values. The traits at the end
//! say where they may be.

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

/// The type of a parameter, or of what a request returns when it succeeds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent and received as JSON",
    label = "`{Self}` needs serde's `Serialize` and `Deserialize`",
    note = "derive what is missing: `#[derive(serde::Serialize, serde::Deserialize)]`; a type of another \
            crate may implement them behind a feature `serde`"
)]
pub trait WireType {
    /// The type itself.
    type Itself;
    /// `Value`, `Stream` or `Progressing`.
    type Kind;
}

#[diagnostic::do_not_recommend]
impl<T: OnWire> WireType for T {
    type Itself = T;
    type Kind = Value;
}

/// The kind of types that are JSON.
#[derive(Debug)]
pub enum Value {}

/// The kind of streams.
#[derive(Debug)]
pub enum Stream {}

/// The kind of the progress of a call.
#[derive(Debug)]
pub enum Progressing {}

/// The type that a request returns.
pub trait ResultType {
    /// The type itself.
    type Itself;
    /// The kind of what it returns when it succeeds.
    type Kind;
}

impl<R: MethodResult<Ok: WireType>> ResultType for R {
    type Itself = R;
    type Kind = <R::Ok as WireType>::Kind;
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
pub trait Received {}

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
pub type Param<T> = <T as WireType>::Itself;

/// The type itself, if a request can return it.
pub type Reply<R> = <R as ResultType>::Itself;

/// The kind of what a notification takes.
#[diagnostic::on_unimplemented(
    message = "a notification takes no stream",
    label = "nobody answers a notification, so nobody could say how this stream ended",
    note = "make the method a request: leave `notification` out, and return `Result<(), ErrorObject>`"
)]
pub trait InNotification<T> {
    /// The type itself.
    type Itself;
}

#[diagnostic::do_not_recommend]
impl<T> InNotification<T> for Value {
    type Itself = T;
}

/// No type implements this, since a notification reports no progress. It exists for its message.
#[diagnostic::on_unimplemented(
    message = "a notification reports no progress",
    label = "nobody awaits a notification, so nobody could hear of its progress",
    note = "make the method a request: leave `notification` out, and return `Result<(), ErrorObject>`"
)]
pub trait ReportedByNotification {}

impl<T: ReportedByNotification> InNotification<T> for Progressing {
    type Itself = T;
}

/// The type itself, if a notification can take it.
pub type NotificationParam<T> = <<T as WireType>::Kind as InNotification<T>>::Itself;

/// The kind of what a method takes and returns that blocks its thread.
#[diagnostic::on_unimplemented(
    message = "a blocking method has no streams",
    label = "a stream is awaited, and a blocking method awaits nothing",
    note = "write `async fn` and leave `blocking` out; `tokio::task::spawn_blocking` runs what blocks, and \
            `Streaming::produce` sends what it finds"
)]
pub trait InBlocking<T> {
    /// The type itself.
    type Itself;
}

#[diagnostic::do_not_recommend]
impl<T> InBlocking<T> for Value {
    type Itself = T;
}

/// A blocking method may report progress, since a report never waits.
#[diagnostic::do_not_recommend]
impl<T> InBlocking<T> for Progressing {
    type Itself = T;
}

/// The type itself, if a blocking method can take it.
pub type BlockingParam<T> = <<T as WireType>::Kind as InBlocking<T>>::Itself;

/// The type itself, if a blocking request can return it.
pub type BlockingReply<R> = <<R as ResultType>::Kind as InBlocking<R>>::Itself;

/// The kind of what a method takes whose request may be sent again.
#[diagnostic::on_unimplemented(
    message = "an idempotent method takes no stream",
    label = "its request may be sent again, and what this stream has sent is gone by then",
    note = "leave `idempotent` out, or take the items at once: `Vec<T>`"
)]
pub trait InIdempotent<T> {
    /// The type itself.
    type Itself;
}

#[diagnostic::do_not_recommend]
impl<T> InIdempotent<T> for Value {
    type Itself = T;
}

#[diagnostic::do_not_recommend]
impl<T> InIdempotent<T> for Progressing {
    type Itself = T;
}

/// The type itself, if an idempotent method can take it.
pub type IdempotentParam<T> = <<T as WireType>::Kind as InIdempotent<T>>::Itself;

/// The kind of a parameter that is the whole params.
#[diagnostic::on_unimplemented(
    message = "a stream cannot be the whole of params",
    label = "this stream needs a place in params",
    note = "leave `params = \"single\"` out"
)]
pub trait AsParams<T> {
    /// The type itself.
    type Itself;
}

#[diagnostic::do_not_recommend]
impl<T> AsParams<T> for Value {
    type Itself = T;
}

/// No type implements this, since progress has no place in params. It exists for its message.
#[diagnostic::on_unimplemented(
    message = "the progress of a call is not its params",
    label = "progress has no place in params",
    note = "leave `params = \"single\"` out, or take what is the whole params before it"
)]
pub trait WholeParams {}

impl<T: WholeParams> AsParams<T> for Progressing {
    type Itself = T;
}

/// The type itself, if it can be the whole params.
pub type SingleParam<T> = <<T as WireType>::Kind as AsParams<T>>::Itself;

/// The kind of what a subscription takes.
#[diagnostic::on_unimplemented(
    message = "a subscription takes no stream",
    label = "a peer that does not speak `birpc.v1` cannot send this stream",
    note = "take it in a method of its own, or leave `subscription(…)` out"
)]
pub trait InSubscription<T> {
    /// The type itself.
    type Itself;
}

#[diagnostic::do_not_recommend]
impl<T> InSubscription<T> for Value {
    type Itself = T;
}

#[diagnostic::do_not_recommend]
impl<T> InSubscription<T> for Progressing {
    type Itself = T;
}

/// The type itself, if a subscription can take it.
pub type SubscriptionParam<T> = <<T as WireType>::Kind as InSubscription<T>>::Itself;

/// The kind of what a subscription returns.
#[diagnostic::on_unimplemented(
    message = "a subscription returns a stream",
    label = "this is a value",
    note = "return `Result<Streaming<T, E>, E2>`, or leave `subscription(…)` out"
)]
pub trait AsSubscription<R> {
    /// The type itself.
    type Itself;
}

#[diagnostic::do_not_recommend]
impl<R> AsSubscription<R> for Stream {
    type Itself = R;
}

/// The type itself, if a subscription can return it.
pub type SubscriptionReply<R> = <<R as ResultType>::Kind as AsSubscription<R>>::Itself;

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
