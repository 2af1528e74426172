//! The first poll of a handler, which the connection's own task makes, and the guard against panics of
//! handlers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Waker};

use tracing::field::display;

use super::router::OtherMessages;
use super::{Handling, Output, Route};
use crate::context::Context;
use crate::message::{Answer, ErrorCode, ErrorObject, IncomingParams, write_error};
use crate::observe::{End, ObservedServed};
use crate::panic_guard::{Panicked, guarded};
use crate::peer::Peer;
use crate::served_call::{ServedCall, within};
use crate::shared_state::{Oddity, warn_dropped};

/// What the first poll of a handler has led to.
pub(crate) enum Polled {
    /// The handler has finished and has written the last member of its reply.
    Done,
    /// The handler waits for something, so it needs a task.
    Pending(Pin<Box<dyn Handling>>, ObservedServed),
}

/// Makes a handler and polls it once. Most handlers are ready at once and need no task, channel or wake-up.
///
/// The waker of this poll does nothing: the handler's task polls the handler again, which registers that
/// task's waker.
pub(crate) fn poll_once(
    call: &Arc<ServedCall>,
    route: &Route,
    params: Option<&str>,
    observed: ObservedServed,
    out: &mut Vec<u8>,
) -> Polled {
    match observed.within(|| try_poll(call, route, params, out)) {
        Ok(answer) => {
            call.finish();
            call.watched().end(|| End::Answered(answer).into());
            observed.end(End::Answered(answer));
            Polled::Done
        }
        Err(handling) => Polled::Pending(handling, observed),
    }
}

/// Returns the handler's answer, or the handler if it is not ready.
fn try_poll(
    call: &Arc<ServedCall>,
    route: &Route,
    params: Option<&str>,
    out: &mut Vec<u8>,
) -> Result<Answer, Pin<Box<dyn Handling>>> {
    let start = out.len();
    let begun = guarded(|| {
        let mut handling = match (route.factory)(Context::new(call.clone()), IncomingParams::Text(params)) {
            Ok(handling) => handling,
            Err(error) => {
                if call.id.is_none() {
                    warn_dropped(&call.shared, Oddity::WrongParams, &call.method, &error);
                }
                let error = ErrorObject::invalid_params(&error.to_string());
                return Ok(write_error(&error, out));
            }
        };
        let mut cx = task::Context::from_waker(Waker::noop());
        match within(call, || handling.as_mut().poll(&mut cx, Output::Reply(out))) {
            task::Poll::Ready(answer) => Ok(answer),
            task::Poll::Pending => Err(handling),
        }
    });
    begun.unwrap_or_else(|panic| {
        out.truncate(start);
        Ok(write_error(&panicked(call, &panic), out))
    })
}

/// Calls the hook for messages that are not JSON-RPC. A panic of the hook is logged and has no other effect.
pub(crate) fn tell_other(hear: &OtherMessages, peer: &Peer, text: &str) {
    if let Err(panic) = guarded(|| hear(peer, text)) {
        let (connection, remote_addr) = (peer.id().get(), peer.remote_addr().map(display));
        tracing::error!(connection, remote_addr, panic = panic.text(), "the hook on_other_message panicked");
    }
}

/// Polls a handler on its own task. A panic becomes an error reply.
pub(super) fn poll(
    call: &Arc<ServedCall>,
    handling: Pin<&mut dyn Handling>,
    cx: &mut task::Context<'_>,
    out: &mut Vec<u8>,
) -> task::Poll<Answer> {
    let start = out.len();
    guarded(|| within(call, || handling.poll(cx, Output::Reply(out)))).unwrap_or_else(|panic| {
        out.truncate(start);
        task::Poll::Ready(write_error(&panicked(call, &panic), out))
    })
}

/// Runs a part of a call that writes no reply. A panic becomes an error.
pub(super) fn part<R>(call: &Arc<ServedCall>, run: impl FnOnce() -> R) -> Result<R, ErrorObject> {
    guarded(|| within(call, run)).map_err(|panic| panicked(call, &panic))
}

/// Drops a handler, or a stream that it has returned. The values that it owns are the application's, and
/// their destructors may panic too.
pub(super) fn discard<T>(call: &Arc<ServedCall>, handling: T) {
    let _logged = part(call, || drop(handling));
}

/// Logs the panic with its text. The reply to the peer does not contain the text.
fn panicked(call: &ServedCall, panic: &Panicked) -> ErrorObject {
    tracing::error!(
        method = &*call.method,
        connection = call.shared.id(),
        remote_addr = call.shared.info().remote_addr_field(),
        panic = panic.text(),
        "the handler panicked"
    );
    ErrorObject::framework(ErrorCode::Internal)
}
