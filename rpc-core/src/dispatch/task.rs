//! The task of a handler that was not ready at once.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Handling, guard};
use crate::message::{Answer, ErrorCode, ErrorObject, begin_reply, finish_reply, write_error};
use crate::observe::{End, Observed};
use crate::served_call::{ServedCall, Wait};
use crate::shared_state::{OpenPermit, QueuedFrame};

/// Runs a handler to its end, or until its call is cancelled, and hands its reply to the connection:
/// exactly once, whatever happens.
pub(crate) fn spawn(
    call: Arc<ServedCall>,
    key: usize,
    handling: Pin<Box<dyn Handling>>,
    observed: Observed,
    occupied: Occupied,
) {
    let mut reply = Vec::new();
    begin_reply(call.id.as_ref(), &mut reply);
    let work = Some(Work { handling, observed, occupied });
    let mut task = Task { call, key, work, reply, paused: None };
    tokio::spawn(std::future::poll_fn(move |cx| task.poll(cx)));
}

/// Hands the reply of a handler to the connection that has ended in its first poll, while the connection went
/// on.
pub(crate) fn reply_late(call: &ServedCall, key: usize, mut reply: Vec<u8>) {
    finish_late(call, &mut reply);
    call.shared.as_driver().queue(QueuedFrame::Finished { key, reply });
}

/// Ends the reply of a handler that has a result; a cancel that came too late to stop it changes nothing, but
/// in a dialect where nobody expects an answer any more.
fn finish_late(call: &ServedCall, reply: &mut Vec<u8>) {
    match call.is_cancelled() && call.cancelled_reply().is_none() {
        true => reply.clear(),
        false => finish_reply(call.id.as_ref(), reply),
    }
}

/// Something that is kept as long as anything is at work for a connection.
pub(crate) type Tenancy = Arc<dyn Any + Send + Sync>;

/// What a handler takes up until it has ended, be its connection there or not.
pub(crate) struct Occupied {
    _permit: OpenPermit,
    _tenancy: Option<Tenancy>,
}

impl Occupied {
    pub(crate) fn new(permit: OpenPermit, tenancy: Option<Tenancy>) -> Self {
        Self { _permit: permit, _tenancy: tenancy }
    }
}

/// A handler at work.
struct Work {
    handling: Pin<Box<dyn Handling>>,
    observed: Observed,
    occupied: Occupied,
}

struct Task {
    call: Arc<ServedCall>,
    key: usize,
    /// Until it has ended.
    work: Option<Work>,
    reply: Vec<u8>,
    /// Set while it may not go on, since its peer does not read.
    paused: Option<Wait>,
}

impl Task {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.call.task.register(cx.waker());
        if !self.call.must_drop() {
            // What it replies would be held until the peer reads what is queued already.
            if self.call.shared.as_driver().poll_room(self.key, cx).is_pending() {
                // A thread that is at work for it goes on, and keeps the slot.
                if self.paused.is_none() && !self.call.is_on_thread() {
                    self.paused = Some(Wait::of(self.call.clone()));
                }
                return Poll::Pending;
            }
            self.paused = None;
            let Some(Work { handling, observed, .. }) = self.work.as_mut() else { return Poll::Ready(()) };
            let reply = &mut self.reply;
            // It may block, on the worker that is to poll the connection next.
            let _watch = self.call.shared.watch();
            if let Poll::Ready(answer) =
                observed.within(|| guard::poll(&self.call, handling.as_mut(), cx, reply))
            {
                self.finish(answer);
                return Poll::Ready(());
            }
        }
        // Looked at again: a section that was shielded, or a thread, may have ended in this poll.
        if !self.call.must_drop() {
            return Poll::Pending;
        }
        if self.work.is_some() {
            self.stop();
        }
        Poll::Ready(())
    }

    /// Ends the handler of a call that was cancelled.
    fn stop(&mut self) {
        self.call.cancel_nested();
        match self.call.cancelled_reply() {
            Some(error) => {
                let (reply, _) = self.error_reply(&error);
                self.finish_with(reply, End::Cancelled);
            }
            None => self.finish_with(Vec::new(), End::Cancelled),
        }
    }

    fn fail(&mut self, error: &ErrorObject) {
        let (reply, answer) = self.error_reply(error);
        self.finish_with(reply, End::Answered(answer));
    }

    fn error_reply(&self, error: &ErrorObject) -> (Vec<u8>, Answer) {
        let mut reply = Vec::new();
        begin_reply(self.call.id.as_ref(), &mut reply);
        let answer = write_error(error, &mut reply);
        finish_reply(self.call.id.as_ref(), &mut reply);
        (reply, answer)
    }

    /// Answers with what the handler has written.
    fn finish(&mut self, answer: Answer) {
        let mut reply = std::mem::take(&mut self.reply);
        finish_late(&self.call, &mut reply);
        self.finish_with(reply, End::Answered(answer));
    }

    /// Drops the handler first: the reply must be the last that it does. An empty one is none.
    fn finish_with(&mut self, reply: Vec<u8>, end: End) {
        if let Some(Work { handling, observed, occupied }) = self.work.take() {
            observed.within(|| guard::discard(&self.call, handling));
            observed.end(end);
            drop(occupied);
        }
        self.call.finish();
        self.call.shared.as_driver().queue(QueuedFrame::Finished { key: self.key, reply });
    }
}

impl Drop for Task {
    /// The runtime drops tasks when it shuts down: the caller still is told.
    fn drop(&mut self) {
        if self.work.is_some() {
            self.fail(&ErrorObject::framework(ErrorCode::Internal));
        }
    }
}
