//! A handler at work: a future that writes its own reply.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use serde::Serialize;

use crate::error::{MethodResult, RpcError};
use crate::message::{write_error, write_result};

/// A handler at work. Its result is typed only inside, so it writes the `result` or `error` member of its
/// reply itself, straight into the reply's buffer.
pub(crate) trait Handling: Send {
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<()>;
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
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<()> {
        match ready!(self.project().handler.poll(cx)).into_result() {
            Ok(result) => write_result(&result, out),
            Err(error) => write_error(&error.into_error_object(), out),
        }
        Poll::Ready(())
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
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<()> {
        ready!(self.project().handler.poll(cx));
        write_result(&(), out);
        Poll::Ready(())
    }
}
