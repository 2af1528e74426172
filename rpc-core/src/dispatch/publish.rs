//! The task of a subscription. The call has been answered with its id, and its items follow as
//! notifications.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use serde::Serialize;

use super::guard;
use super::occupied::Occupied;
use crate::close::{CloseCode, CloseFrame};
use crate::message::{Answer, ErrorCode, ErrorObject, Id, encode_notification};
use crate::multiplexer::Halt;
use crate::observe::{End, Scope};
use crate::served_call::ServedCall;
use crate::served_streams::{ServedStreams, ServedSubscription};
use crate::streaming::{Finish, Publisher};
use crate::subscription::BadEnd;

/// Starts the task of the subscription that the handler of a call has begun, if there is one. The task keeps
/// what the handler occupied until the subscription ends.
pub(super) fn publish(call: &Arc<ServedCall>, occupied: Occupied) {
    let Some(mut publishing) = Publishing::of(call, occupied) else { return };
    tokio::spawn(std::future::poll_fn(move |cx| publishing.poll(cx)));
}

/// [`publish`] for a handler that was ready at its first poll. Most of these have no streams.
#[inline]
pub(crate) fn release(call: &Arc<ServedCall>, occupied: impl FnOnce() -> Occupied) {
    match call.streams() {
        None => drop(occupied),
        Some(_) => publish(call, occupied()),
    }
}

/// Drops the subscription that the handler of a call has begun, if there is one, because the call is answered
/// with something else.
pub(super) fn discard(call: &Arc<ServedCall>, occupied: Occupied) {
    if let Some(mut publishing) = Publishing::of(call, occupied) {
        publishing.end(End::Cancelled, None);
    }
}

/// The state of the task.
struct Publishing {
    call: Arc<ServedCall>,
    /// `None` once the subscription has ended. The scope is the span of the call.
    publisher: Option<(Publisher, Scope)>,
    _occupied: Occupied,
}

impl Publishing {
    fn of(call: &Arc<ServedCall>, occupied: Occupied) -> Option<Self> {
        let subscription = call.streams().and_then(ServedStreams::subscription);
        let publisher = subscription.and_then(ServedSubscription::take_publisher)?;
        Some(Self { call: call.clone(), publisher: Some(publisher), _occupied: occupied })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((publisher, scope)) = &mut self.publisher else { return Poll::Ready(()) };
        let call = &self.call;
        // A shielded section may end on another task.
        call.task.register(cx.waker());
        // The application's code may block the worker thread that would poll the connection next.
        let _watch = call.shared.driver_waker().watch();
        let polled = scope.within(|| guard::part(call, || publisher.poll(&call.shared, cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Finish::Halted(halt))) if halt != Halt::Draining => self.stop(halt, cx),
            Ok(Poll::Ready(finish)) => {
                self.end(finish.reported(), failure(finish));
                Poll::Ready(())
            }
            Err(panicked) => {
                self.fail(panicked);
                Poll::Ready(())
            }
        }
    }

    /// Cancels the call, because the subscriber has unsubscribed or is gone. The stream is dropped, but not
    /// while a section of it is shielded.
    fn stop(&mut self, halt: Halt, cx: &mut Context<'_>) -> Poll<()> {
        // Only once: a cancel wakes this task.
        if !self.call.is_cancelled() {
            self.call.cancel();
        }
        if !self.call.must_drop()
            && let Some((publisher, scope)) = &mut self.publisher
        {
            let call = &self.call;
            let polled = scope.within(|| guard::part(call, || publisher.poll_discarding(cx)));
            if polled.is_ok() && !call.must_drop() {
                return Poll::Pending;
            }
        }
        self.call.cancel_nested();
        self.end(End::of_halt(halt), None);
        Poll::Ready(())
    }

    fn fail(&mut self, error: ErrorObject) {
        self.end(End::Answered(Answer::Error(error.code())), Some(error));
    }

    /// Ends the subscription and drops the stream. If it has failed, tells the subscriber as its form says.
    fn end(&mut self, end: End, failed: Option<ErrorObject>) {
        let Some((mut publisher, scope)) = self.publisher.take() else { return };
        let shared = &self.call.shared;
        publisher.end(shared, end);
        scope.record(publisher.items());
        let bad_end = publisher.form().bad_end();
        let last = failed.as_ref().filter(|_| bad_end == BadEnd::Error);
        let last = last.and_then(|error| self.last_notification(&publisher, error));
        let was_there = shared.as_subscription().end(publisher.key(), last);
        if let Some(error) = failed.filter(|_| was_there) {
            let (connection, method) = (shared.id(), &*self.call.method);
            tracing::debug!(connection, method, %error, "a subscription ends before it is complete");
            // A side that drains closes the connection itself.
            if bad_end == BadEnd::Close && error.framework_code() != Some(ErrorCode::ShuttingDown) {
                let why = "a subscription has failed";
                shared.as_caller().close(CloseFrame::cut(CloseCode::TRY_AGAIN_LATER, why));
            }
        }
        scope.within(|| guard::discard(&self.call, publisher));
    }

    /// The notification that tells of a bad end. If it would be too large, it is without the error's data.
    fn last_notification(&self, publisher: &Publisher, error: &ErrorObject) -> Option<Bytes> {
        #[derive(Serialize)]
        struct Params<'a> {
            subscription: &'a Id,
            error: &'a ErrorObject,
        }
        let most = self.call.shared.config().limits.max_message_out;
        let encode = |error: &ErrorObject| {
            let params = Params { subscription: publisher.id(), error };
            let text = encode_notification(publisher.form().notification_name(), &params).ok();
            text.filter(|text| text.len() <= most)
        };
        encode(error).or_else(|| encode(&error.clone().without_data()))
    }
}

impl Drop for Publishing {
    /// The runtime drops its tasks when it shuts down. The subscriber is still told of the end.
    fn drop(&mut self) {
        self.fail(ErrorObject::framework(ErrorCode::Internal));
    }
}

/// The error of a bad end; `None` if the subscription is complete, or its subscriber does not want more.
fn failure(finish: Finish) -> Option<ErrorObject> {
    match finish {
        Finish::Failed(error) => Some(error),
        Finish::Halted(Halt::Draining) => Some(ErrorObject::framework(ErrorCode::ShuttingDown)),
        Finish::Complete | Finish::Halted(_) => None,
    }
}
