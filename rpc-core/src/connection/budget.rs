//! How much a connection does before others on its thread have their turn.

/// Messages, entries of a batch, and calls whose turn has come, that one step of a turn takes up.
const STEPS: usize = 64;

/// Bytes that one step hands to the transport.
const BYTES: usize = 256 << 10;

/// What one step of a turn, such as reading, may still do. It is counted in what takes time, be it one
/// message of 200 calls or 200 of one: a neighbour's single call waits for a turn at most.
pub(super) struct Budget {
    steps: usize,
    bytes: usize,
}

impl Budget {
    pub(super) const FULL: Self = Self { steps: STEPS, bytes: BYTES };

    pub(super) fn is_spent(&self) -> bool {
        self.steps == 0 || self.bytes == 0
    }

    /// Messages or calls that are left.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// A message was read or sent, or a call begun.
    pub(super) fn step(&mut self) {
        self.steps = self.steps.saturating_sub(1);
    }

    pub(super) fn write(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}
