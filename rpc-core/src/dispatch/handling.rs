//! A handler at work: a future that writes its own reply.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{MethodResult, RpcError};
use crate::message::{Answer, ErrorObject, unserializable, write_error, write_result};

/// A handler at work. Its result is typed only inside, so it writes the `result` or `error` member of its
/// reply itself, straight into the reply's buffer.
pub(crate) trait Handling: Send {
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Answer>;

    /// The same for a layer, which wants to see what comes back.
    fn poll_raw(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Box<RawValue>, ErrorObject>>;
}

pin_project! {
    pub(super) struct RequestHandling<F> {
        #[pin]
        handler: F,
    }
}

impl<F> RequestHandling<F> {
    pub(super) fn new(handler: F) -> Self {
        Self { handler }
    }
}

impl<F> Handling for RequestHandling<F>
where
    F: Future<Output: MethodResult<Ok: Serialize>> + Send,
{
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Answer> {
        Poll::Ready(match ready!(self.project().handler.poll(cx)).into_result() {
            Ok(result) => write_result(&result, out),
            Err(error) => write_error(&error.into_error_object(), out),
        })
    }

    fn poll_raw(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Box<RawValue>, ErrorObject>> {
        Poll::Ready(match ready!(self.project().handler.poll(cx)).into_result() {
            Ok(result) => to_raw_value(&result).map_err(|error| unserializable(&error)),
            Err(error) => Err(error.into_error_object()),
        })
    }
}

pin_project! {
    pub(super) struct NotificationHandling<F> {
        #[pin]
        handler: F,
    }
}

impl<F> NotificationHandling<F> {
    pub(super) fn new(handler: F) -> Self {
        Self { handler }
    }
}

impl<F: Future<Output = ()> + Send> Handling for NotificationHandling<F> {
    /// A notification that is sent as a request is answered with null: its sender waits for something.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<Answer> {
        ready!(self.project().handler.poll(cx));
        Poll::Ready(write_result(&(), out))
    }

    fn poll_raw(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Box<RawValue>, ErrorObject>> {
        ready!(self.project().handler.poll(cx));
        Poll::Ready(Ok(RawValue::NULL.to_owned()))
    }
}
