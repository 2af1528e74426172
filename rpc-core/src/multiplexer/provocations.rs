//! Messages other than requests and batches to which a peer may respond with an error whose id is null.
//!
//! Such an error does not name a call. It can be attributed to a call only if nothing else can have provoked
//! it: some peers respond in this way to unknown notifications, cancels and errors with id null, although
//! JSON-RPC 2.0 §4.1 forbids it. A peer handles messages in order, so what was sent before a call that has
//! been answered cannot provoke an error any more.

/// Counts the messages that may provoke an error without an id. Each message that is sent records the count
/// at that time.
#[derive(Default)]
pub(super) struct Provocations {
    count: u64,
    /// The count after the last notification, cancel or error with id null.
    last: u64,
    /// The highest count recorded before a call that has been answered.
    settled: u64,
}

impl Provocations {
    /// A notification, a cancel or an error with id null is sent.
    pub(super) fn note(&mut self) {
        self.count += 1;
        self.last = self.count;
    }

    /// A call that was sent is no longer awaited; its reply may still arrive.
    pub(super) fn note_abandoned(&mut self) {
        self.count += 1;
    }

    /// The count so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The count so far, without abandoned calls.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// A call has been answered; `count` was recorded before it.
    pub(super) fn settle(&mut self, count: u64) {
        self.settled = self.settled.max(count);
    }

    /// Whether only a call that is awaited can have provoked an error now.
    pub(super) fn are_settled(&self) -> bool {
        self.settled >= self.count
    }

    /// Whether only a batch can have: nothing was sent after the batch (`after`), and a call that was sent
    /// after everything before the batch (`before`) has been answered.
    pub(super) fn leave_only(&self, before: u64, after: u64) -> bool {
        self.last <= after && self.settled >= before
    }
}
