//! One step of a turn, such as reading: who is woken, and how much the step may do before others on its
//! thread have their turn.

use std::task::Context;

/// Messages, elements of a batch, and calls whose turn has come, that one step handles.
const MESSAGES: usize = 64;

/// Bytes that one step hands to the transport.
const BYTES: usize = 256 << 10;

/// A step of a turn, with what it may still do. The budget counts what takes time, be it one message of 200
/// calls or 200 messages of one call each: a neighbour's single call waits for one turn at most.
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

    /// Messages that are left.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Counts a message that was read or sent, or a call that was started.
    pub(super) fn count_message(&mut self) {
        self.messages = self.messages.saturating_sub(1);
    }

    /// Counts bytes that went to the transport.
    pub(super) fn count_bytes(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}
