//! The task of a handler that was not ready at once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Handling, guard};
use crate::link::Outgoing;
use crate::message::{ErrorCode, ErrorObject, begin_reply, finish_reply, write_error};
use crate::served_call::ServedCall;

/// Runs a handler to its end, or until its call is cancelled, and hands its reply to the connection:
/// exactly once, whatever happens.
pub(crate) fn serve(call: Arc<ServedCall>, key: usize, handling: Pin<Box<dyn Handling>>) {
    let mut reply = Vec::new();
    begin_reply(call.id.as_ref(), &mut reply);
    let mut task = Task { call, key, handling: Some(handling), reply };
    tokio::spawn(std::future::poll_fn(move |cx| task.poll(cx)));
}

struct Task {
    call: Arc<ServedCall>,
    key: usize,
    handling: Option<Pin<Box<dyn Handling>>>,
    reply: Vec<u8>,
}

impl Task {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.call.task.register(cx.waker());
        if self.handling.is_some() && self.call.is_cancelled() {
            self.fail(ErrorCode::Cancelled);
        }
        let Some(handling) = self.handling.as_mut() else { return Poll::Ready(()) };
        let polled = guard::poll(&self.call, handling.as_mut(), cx, &mut self.reply);
        if polled.is_ready() {
            self.finish();
        }
        polled
    }

    fn fail(&mut self, code: ErrorCode) {
        self.reply.clear();
        begin_reply(self.call.id.as_ref(), &mut self.reply);
        write_error(&ErrorObject::framework(code), &mut self.reply);
        self.finish();
    }

    /// Drops the handler first: the reply must be the last that it does.
    fn finish(&mut self) {
        if let Some(handling) = self.handling.take() {
            guard::discard(&self.call, handling);
        }
        let mut reply = std::mem::take(&mut self.reply);
        finish_reply(self.call.id.as_ref(), &mut reply);
        self.call.finish();
        self.call.link.queue(Outgoing::Finished { key: self.key, reply });
    }
}

impl Drop for Task {
    /// The runtime drops tasks when it shuts down: the caller still is told.
    fn drop(&mut self) {
        if self.handling.is_some() {
            self.fail(ErrorCode::Internal);
        }
    }
}
