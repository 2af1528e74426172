//! The task of a handler that was not ready at its first poll.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::occupied::Occupied;
use super::publish::{discard as discard_published, publish};
use super::{Handling, guard};
use crate::message::{Answer, ErrorCode, ErrorObject, begin_reply, finish_reply, write_error};
use crate::observe::{End, ObservedServed};
use crate::served_call::{ServedCall, Wait};
use crate::shared_state::QueuedFrame;

/// Runs a handler until it finishes or its call is cancelled, and passes its reply to the connection exactly
/// once.
pub(crate) fn spawn(
    call: Arc<ServedCall>,
    key: usize,
    handling: Pin<Box<dyn Handling>>,
    observed: ObservedServed,
    occupied: Occupied,
) {
    let mut reply = Vec::new();
    begin_reply(call.id.as_ref(), &mut reply);
    let work = Some(Work { handling, observed, occupied });
    let mut task = Task { call, key, work, reply, paused: None };
    tokio::spawn(std::future::poll_fn(move |cx| task.poll(cx)));
}

/// Passes on the reply of a handler that blocked the connection's task in its first poll: the connection has
/// moved to another task meanwhile.
pub(crate) fn reply_late(call: &ServedCall, key: usize, mut reply: Vec<u8>) {
    finish_late(call, &mut reply);
    call.shared.as_driver().queue(QueuedFrame::Finished { key, reply });
}

/// Completes the reply of a handler that has finished. A cancel that came too late to stop the handler
/// changes nothing, except in a dialect in which cancelled requests get no reply.
fn finish_late(call: &ServedCall, reply: &mut Vec<u8>) {
    match call.is_cancelled() && call.cancelled_reply().is_none() {
        true => reply.clear(),
        false => finish_reply(call.id.as_ref(), reply),
    }
}

/// A handler and what it occupies.
struct Work {
    handling: Pin<Box<dyn Handling>>,
    observed: ObservedServed,
    occupied: Occupied,
}

struct Task {
    call: Arc<ServedCall>,
    key: usize,
    /// `None` once the handler has ended.
    work: Option<Work>,
    reply: Vec<u8>,
    /// Set while the handler is paused because the peer does not read.
    paused: Option<Wait>,
}

impl Task {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.call.task.register(cx.waker());
        if !self.call.must_drop() {
            // A reply would only wait behind what is already queued for the peer.
            if self.call.shared.as_driver().poll_room(self.key, cx).is_pending() {
                // A thread that already runs the handler goes on, and the handler keeps its slot.
                if self.paused.is_none() && !self.call.is_on_thread() {
                    self.paused = Some(Wait::of(self.call.clone()));
                }
                return Poll::Pending;
            }
            self.paused = None;
            let Some(Work { handling, observed, .. }) = self.work.as_mut() else { return Poll::Ready(()) };
            let reply = &mut self.reply;
            // The handler may block the worker thread that would poll the connection next.
            let _watch = self.call.shared.driver_waker().watch();
            if let Poll::Ready(answer) =
                observed.within(|| guard::poll(&self.call, handling.as_mut(), cx, reply))
            {
                self.finish(answer);
                return Poll::Ready(());
            }
        }
        // Checked once more: a shielded section or a blocking thread may have ended in this poll.
        if !self.call.must_drop() {
            return Poll::Pending;
        }
        if self.work.is_some() {
            self.stop();
        }
        Poll::Ready(())
    }

    /// Drops the handler of a call that was cancelled, and answers.
    fn stop(&mut self) {
        self.call.cancel_nested();
        match self.call.cancelled_reply() {
            Some(error) => {
                let (reply, _) = self.error_reply(&error);
                self.give_up(reply, End::Cancelled);
            }
            None => self.give_up(Vec::new(), End::Cancelled),
        }
    }

    fn fail(&mut self, error: &ErrorObject) {
        let (reply, answer) = self.error_reply(error);
        self.give_up(reply, End::Answered(answer));
    }

    /// Ends a handler that is not done. Behind layers it may have returned a subscription.
    fn give_up(&mut self, reply: Vec<u8>, end: End) {
        self.finish_with(reply, end, discard_published);
    }

    fn error_reply(&self, error: &ErrorObject) -> (Vec<u8>, Answer) {
        let mut reply = Vec::new();
        begin_reply(self.call.id.as_ref(), &mut reply);
        let answer = write_error(error, &mut reply);
        finish_reply(self.call.id.as_ref(), &mut reply);
        (reply, answer)
    }

    /// Completes and passes on the reply that the handler has written.
    fn finish(&mut self, answer: Answer) {
        let mut reply = std::mem::take(&mut self.reply);
        finish_late(&self.call, &mut reply);
        self.finish_with(reply, End::Answered(answer), publish);
    }

    /// Drops the handler before the reply is passed on, so that nothing of it runs after the reply. An empty
    /// reply is not sent. `rest` gets what the handler has occupied.
    fn finish_with(&mut self, reply: Vec<u8>, end: End, rest: fn(&Arc<ServedCall>, Occupied)) {
        if let Some(Work { handling, observed, occupied }) = self.work.take() {
            observed.within(|| guard::discard(&self.call, handling));
            self.call.watched().end(|| end.into());
            observed.end(end);
            rest(&self.call, occupied);
        }
        self.call.finish();
        self.call.shared.as_driver().queue(QueuedFrame::Finished { key: self.key, reply });
    }
}

impl Drop for Task {
    /// The runtime drops its tasks when it shuts down. The caller still gets a reply.
    fn drop(&mut self) {
        if self.work.is_some() {
            self.fail(&ErrorObject::framework(ErrorCode::Internal));
        }
    }
}
