//! One step of a turn, such as reading: the task to wake, and the budget after which other tasks on the
//! thread get their turn.

use std::task::Context;

/// The number of messages, elements of a batch and parked calls that a step handles.
const MESSAGES: usize = 64;

/// The number of bytes that a step passes to the transport.
const BYTES: usize = 256 << 10;

/// A step of a turn, with its remaining budget. The budget counts everything that takes time, whether one
/// message has 200 calls or 200 messages have one call each. So a single call on another connection waits for
/// one turn at most.
pub(super) struct Step<'a, 'w> {
    cx: &'a mut Context<'w>,
    messages: usize,
    bytes: usize,
}

impl<'a, 'w> Step<'a, 'w> {
    pub(super) fn new(cx: &'a mut Context<'w>) -> Self {
        Self { cx, messages: MESSAGES, bytes: BYTES }
    }

    pub(super) fn cx(&mut self) -> &mut Context<'w> {
        self.cx
    }

    pub(super) fn is_spent(&self) -> bool {
        self.messages == 0 || self.bytes == 0
    }

    /// The remaining number of messages.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Counts a message that was read or sent, or a call that was started.
    pub(super) fn count_message(&mut self) {
        self.messages = self.messages.saturating_sub(1);
    }

    /// Counts bytes that were passed to the transport.
    pub(super) fn count_bytes(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_step_is_spent_after_64_messages_or_256_kibibytes() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut step = Step::new(&mut cx);
        for left in (0..64).rev() {
            assert!(!step.is_spent());
            step.count_message();
            assert_eq!(step.messages(), left);
        }
        assert!(step.is_spent());
        step.count_message();
        assert_eq!(step.messages(), 0);

        let mut step = Step::new(&mut cx);
        step.count_bytes((256 << 10) - 1);
        assert!(!step.is_spent());
        step.count_bytes(1000);
        assert!(step.is_spent());
        assert_eq!(step.messages(), 64);
    }
}
