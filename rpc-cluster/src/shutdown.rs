//! The end of a node.

use std::pin::Pin;
use std::task::Context;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::state::Ticket;

/// A shutdown that has begun.
pub(crate) struct Shutdown {
    until: Instant,
    timer: Pin<Box<Sleep>>,
    /// Those who wait for the end: as many as have called `shutdown`.
    done: Vec<oneshot::Sender<()>>,
    /// The ticket of the last message.
    bye: Option<Ticket>,
    is_over: bool,
}

impl Shutdown {
    pub(crate) fn new(until: Instant) -> Self {
        Self { until, timer: Box::pin(sleep_until(until)), done: Vec::new(), bye: None, is_over: false }
    }

    /// Somebody else wants the end, perhaps earlier.
    pub(crate) fn join(&mut self, until: Instant, done: oneshot::Sender<()>) {
        self.done.push(done);
        self.until = self.until.min(until);
        self.timer.as_mut().reset(self.until);
    }

    /// Whether the last message is to be sent: the time is over, or nothing is under way.
    pub(crate) fn poll_bye(&mut self, is_idle: bool, cx: &mut Context<'_>) -> bool {
        let is_due = Instant::now() >= self.until || self.timer.poll_unpin(cx).is_ready();
        self.bye.is_none() && (is_due || is_idle)
    }

    /// The last message has this ticket.
    pub(crate) fn say_bye(&mut self, ticket: Ticket) {
        self.bye = Some(ticket);
    }

    /// The engine has taken a message, or has not.
    pub(crate) fn handle_published(&mut self, ticket: Ticket) {
        self.is_over |= self.bye == Some(ticket);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Tells those who wait.
    pub(crate) fn end(self) {
        for done in self.done {
            let _ = done.send(()); // nobody may wait any more
        }
    }
}
