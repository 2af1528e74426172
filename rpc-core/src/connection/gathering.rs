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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_callers_or_messages_promise_more_and_one_does_not() {
        let mut gathering = Gathering::default();
        assert!(!gathering.take_expectation(false), "nothing was counted");
        for (answered, queued, expected) in [(1, 0, false), (0, 1, false), (1, 1, false), (2, 0, true)] {
            (0..answered).for_each(|_| gathering.answered());
            gathering.taken(queued);
            assert_eq!(gathering.take_expectation(false), expected, "{answered} answered, {queued} queued");
            assert!(!gathering.take_expectation(false), "it counts anew");
        }
        gathering.taken(1);
        gathering.taken(1);
        assert!(gathering.take_expectation(false));
    }

    #[test]
    fn with_several_open_handlers_each_sixteenth_message_alone_is_a_trial() {
        let mut gathering = Gathering::default();
        let mut alone = |times: usize, several_open| {
            let trials = (0..times).filter(|_| {
                gathering.taken(1);
                gathering.take_expectation(several_open)
            });
            trials.count()
        };
        assert_eq!(alone(15, true), 0);
        assert_eq!(alone(1, true), 1);
        assert_eq!(alone(160, true), 10);
        assert_eq!(alone(160, false), 0);
        gathering.taken(1);
        assert!(!gathering.take_expectation(true));
        gathering.taken(2);
        assert!(gathering.take_expectation(true));
        let first_trial = (1..=16).find(|_| {
            gathering.taken(1);
            gathering.take_expectation(true)
        });
        assert_eq!(first_trial, Some(16), "company begins the count anew");
    }
}
