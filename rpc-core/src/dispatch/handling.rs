//! A running handler: a future that writes its own reply.

use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use pin_project_lite::pin_project;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::context::Context;
use crate::error::{MethodResult, RpcError};
use crate::message::{
    Answer, ErrorObject, IncomingParams, ParamsError, raw_json, unserializable, write_error,
    write_raw_result, write_result,
};

/// A running handler. The type of its result is known only inside, so it serialises the result itself.
///
/// The compiler makes a copy of this code for each method of each service, so everything that does not need
/// the method's types is elsewhere.
pub(crate) trait Handling: Send {
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>, output: Output<'_>) -> Poll<Answer>;
}

/// Makes a handler from the context and the params of a call.
pub(super) type HandlerFactory = dyn Fn(Context, IncomingParams<'_>) -> NewHandler + Send + Sync;

/// A handler that has not been polled, or the reason why the params are invalid.
pub(super) type NewHandler = Result<Pin<Box<dyn Handling>>, ParamsError>;

/// A handler, as a factory makes it.
pub struct BoxedHandling(pub(super) Pin<Box<dyn Handling>>);

/// Where the result of a handler goes.
pub(crate) enum Output<'a> {
    /// Into the buffer of the reply, as its `result` or `error` member.
    Reply(&'a mut Vec<u8>),
    /// To a layer, which may look at the result or replace it.
    Layer(&'a mut Option<RawResult>),
}

/// A result as layers see it.
pub(crate) type RawResult = Result<Box<RawValue>, ErrorObject>;

impl Output<'_> {
    fn put<T: Serialize, E: RpcError>(self, result: Result<T, E>) -> Answer {
        let result = match result {
            Ok(result) => result,
            Err(error) => return self.put_raw(Err(error.into_error_object().of_handler())),
        };
        match self {
            Self::Reply(out) => write_result(&result, out),
            Self::Layer(_) => self.put_raw(raw_json(&result).map_err(|error| unserializable(&error))),
        }
    }

    /// Writes the result that a layer has returned.
    pub(super) fn put_raw(self, result: RawResult) -> Answer {
        match (self, result) {
            (Self::Reply(out), Ok(result)) => write_raw_result(result, out),
            (Self::Reply(out), Err(error)) => write_error(&error, out),
            (Self::Layer(raw), result) => {
                let answer =
                    result.as_ref().map_or_else(|error| Answer::Error(error.code()), |_| Answer::Result);
                *raw = Some(result);
                answer
            }
        }
    }
}

pin_project! {
    pub(super) struct RequestHandling<F> {
        #[pin]
        pub(super) handler: F,
    }
}

impl<F> Handling for RequestHandling<F>
where
    F: Future<Output: MethodResult<Ok: Serialize>> + Send,
{
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>, output: Output<'_>) -> Poll<Answer> {
        Poll::Ready(output.put(ready!(self.project().handler.poll(cx)).into_result()))
    }
}

pin_project! {
    pub(super) struct NotificationHandling<F> {
        #[pin]
        pub(super) handler: F,
    }
}

impl<F: Future<Output = ()> + Send> Handling for NotificationHandling<F> {
    /// A notification that arrives as a request is answered with null, since its sender waits for a response.
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>, output: Output<'_>) -> Poll<Answer> {
        ready!(self.project().handler.poll(cx));
        Poll::Ready(output.put(Ok::<_, ErrorObject>(())))
    }
}
