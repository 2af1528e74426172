//! A handler whose result is a stream. First the handler runs, then the stream that it has returned is sent.
//! The end of the stream is the reply.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use pin_project_lite::pin_project;
use serde::Serialize;
use serde_json::value::RawValue;

use super::handling::{Handling, Output, RawResult};
use crate::error::{MethodResult, RpcError};
use crate::message::{Answer, ErrorCode, ErrorObject};
use crate::multiplexer::Halt;
use crate::served_call::{ServedCall, Wait};
use crate::streaming::{Finish, Pump, PumpName, Source, Streaming};

pin_project! {
    /// A running request whose result is a stream.
    pub(super) struct StreamHandling<F> {
        call: Arc<ServedCall>,
        #[pin]
        handler: F,
        producing: Option<Producing>,
    }
}

/// A stream that is being sent. It does not depend on the type of the items, so it is compiled once.
struct Producing {
    pump: Pump,
    /// Frees the slot of the call, since thousands of open streams may have nothing to send.
    _wait: Wait,
}

impl<F> StreamHandling<F> {
    pub(super) fn new(call: Arc<ServedCall>, handler: F) -> Self {
        Self { call, handler, producing: None }
    }
}

impl<F, T, E> Handling for StreamHandling<F>
where
    F: Future<Output: MethodResult<Ok = Streaming<T, E>>> + Send,
    T: Serialize + 'static,
    E: RpcError,
{
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>, output: Output<'_>) -> Poll<Answer> {
        let this = self.project();
        if this.producing.is_none() {
            let returned = match ready!(this.handler.poll(cx)).into_result() {
                Ok(stream) => begin(this.call, Box::new(stream)),
                Err(error) => Returned::Reply(Err(error.into_error_object().of_handler())),
            };
            match returned {
                Returned::Stream(producing) => *this.producing = Some(producing),
                Returned::Reply(result) => return Poll::Ready(output.put_raw(result)),
            }
        }
        match this.producing {
            Some(producing) => producing.poll(this.call, cx).map(|result| output.put_raw(result)),
            None => Poll::Pending,
        }
    }
}

/// What follows when a handler has returned.
enum Returned {
    /// The stream is sent.
    Stream(Producing),
    /// The call is answered: the handler has failed, or the result is the id of a subscription.
    Reply(RawResult),
}

/// Begins to send the stream that a handler has returned.
fn begin(call: &Arc<ServedCall>, source: Box<dyn Source>) -> Returned {
    // Admission refuses calls of such a method for which no stream can be entered.
    let (Some(id), Some(streams)) = (&call.id, call.streams()) else { return refused() };
    let observed = streams.items().produced(call.shared.meters());
    if let Some(subscription) = streams.subscription() {
        return Returned::Reply(subscription.begin(&call.shared, source, observed));
    }
    let Some(key) = streams.result() else { return refused() };
    streams.begin_producing();
    call.shared.gauges().begin_producing();
    // If the stream must stop already, its first poll says so.
    call.shared.as_producer().open_result(key, source.is_endless());
    let pump = Pump::new(source, key, PumpName::Result(id.clone())).observed(observed);
    Returned::Stream(Producing { pump, _wait: Wait::of(call.clone()) })
}

fn refused() -> Returned {
    Returned::Reply(Err(ErrorObject::framework(ErrorCode::InvalidRequest)))
}

impl Producing {
    fn poll(&mut self, call: &ServedCall, cx: &mut task::Context<'_>) -> Poll<RawResult> {
        match ready!(self.pump.poll(&call.shared, cx)) {
            Finish::Complete => Poll::Ready(Ok(RawValue::NULL.to_owned())),
            Finish::Failed(error) => Poll::Ready(Err(error)),
            Finish::Halted(Halt::Draining) => {
                Poll::Ready(Err(ErrorObject::framework(ErrorCode::ShuttingDown)))
            }
            // The call has ended, so the task drops this, but not while a section is shielded.
            Finish::Halted(_) => {
                if !call.must_drop() {
                    self.pump.poll_discarding(cx);
                }
                Poll::Pending
            }
        }
    }
}
