//! Decides whether to wait a moment with sending, because more is about to be queued, so that one flush sends
//! all of it.
//!
//! A runtime tends to run a task directly after the task that woke it. If several callers get their replies
//! together, the first one makes its next call, which wakes the connection's task, and that task runs before
//! the other callers. Each request would be flushed alone, and the system call costs more than everything
//! else. The same holds for handlers that finish together. So the task wakes itself once, which puts it
//! behind them in the run queue.

/// After this many messages that were queued alone, the next turn is deferred as a trial.
const TRY_EVERY: u8 = 16;

/// Counts since [`Gathering::take_expectation`] was last called.
#[derive(Default)]
pub(super) struct Gathering {
    /// Callers that got a reply.
    answered: usize,
    /// Messages that were queued.
    queued: usize,
    /// How many times in a row a single message was queued.
    alone: u8,
}

impl Gathering {
    /// A caller got a reply and may make another call.
    pub(super) fn answered(&mut self) {
        self.answered += 1;
    }

    /// Messages were taken from the queue.
    pub(super) fn taken(&mut self, messages: usize) {
        self.queued += messages;
    }

    /// Whether more messages will probably be queued soon: according to the counts since the last call, and
    /// to whether several handlers are open.
    pub(super) fn take_expectation(&mut self, several_open: bool) -> bool {
        let several = self.answered.max(self.queued) > 1;
        (self.answered, self.queued) = (0, 0);
        self.alone = if several { 0 } else { self.alone.wrapping_add(1) };
        // Only a trial shows whether handlers that are woken one after the other finish together.
        several || (several_open && self.alone.is_multiple_of(TRY_EVERY))
    }
}
