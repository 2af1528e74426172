//! Whether what was queued is to wait a moment for more: one flush for all of it.
//!
//! A runtime likes to run at once whom a task wakes. The first of several callers that were answered together
//! calls again, and so the connection's task runs next, before the others: each request would be flushed
//! alone, and the system call costs more than all else. The same holds for handlers that end together. So the
//! task goes behind them, once: it wakes itself, which puts it at the end of the line.

/// After so many messages that were queued alone, it is tried whether the next has company.
const TRY_EVERY: u8 = 16;

/// What is known of those who may queue something next. Counted since it was last asked.
#[derive(Default)]
pub(super) struct Gathering {
    /// Callers that were answered.
    answered: usize,
    /// Messages that were queued.
    queued: usize,
    /// How often in a row there was one message alone.
    alone: u8,
}

impl Gathering {
    /// A caller was answered, and may call again.
    pub(super) fn answered(&mut self) {
        self.answered += 1;
    }

    /// So many messages were taken from the queue.
    pub(super) fn taken(&mut self, messages: usize) {
        self.queued += messages;
    }

    /// Whether more is likely to be queued at once behind what was queued now, as far as was counted since
    /// this was last asked, and by whether several handlers are open.
    pub(super) fn take_expectation(&mut self, several_open: bool) -> bool {
        let several = self.answered.max(self.queued) > 1;
        (self.answered, self.queued) = (0, 0);
        self.alone = if several { 0 } else { self.alone.wrapping_add(1) };
        // Handlers that are woken one after the other do not show that they end together, unless it is tried.
        several || (several_open && self.alone.is_multiple_of(TRY_EVERY))
    }
}
