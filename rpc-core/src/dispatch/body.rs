//! The successful result of a handler: a value, which is the reply, or a stream, whose end is the reply.

use std::future::Future;

use serde::Serialize;

use super::handling::{BoxedHandling, RequestHandling};
use super::producing::StreamHandling;
use crate::context::Context;
use crate::error::{MethodResult, RpcError};
use crate::streaming::Streaming;

/// The successful result of a request.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as JSON",
    label = "`{Self}` needs serde's `Serialize`",
    note = "derive it: `#[derive(serde::Serialize)]`"
)]
pub trait ServedBody: Sized + Send {
    /// Whether the result is a stream.
    const IS_STREAM: bool;

    /// Creates the running handler.
    fn handling<F>(cx: Context, handler: impl FnOnce(Context) -> F) -> BoxedHandling
    where
        F: Future<Output: MethodResult<Ok = Self>> + Send + 'static;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + Send> ServedBody for T {
    const IS_STREAM: bool = false;

    #[inline]
    fn handling<F>(cx: Context, handler: impl FnOnce(Context) -> F) -> BoxedHandling
    where
        F: Future<Output: MethodResult<Ok = Self>> + Send + 'static,
    {
        BoxedHandling(Box::pin(RequestHandling { handler: handler(cx) }))
    }
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + Send + 'static, E: RpcError> ServedBody for Streaming<T, E> {
    const IS_STREAM: bool = true;

    fn handling<F>(cx: Context, handler: impl FnOnce(Context) -> F) -> BoxedHandling
    where
        F: Future<Output: MethodResult<Ok = Self>> + Send + 'static,
    {
        let call = cx.call().clone();
        BoxedHandling(Box::pin(StreamHandling::new(call, handler(cx))))
    }
}

/// The result of a handler.
pub trait ServedResult: MethodResult<Ok: ServedBody> {}

impl<R: MethodResult<Ok: ServedBody>> ServedResult for R {}
