//! What this side sent that the peer may answer with an error whose id is null, beside requests and batches.
//!
//! Such an error names no call. It can be taken for the answer to one only if nothing else can have provoked
//! it: peers answer unknown notifications, cancels and errors with id null in this way, although JSON-RPC 2.0
//! §4.1 forbids it. A peer works on messages in their order, so what went out before a call that has been
//! answered provokes nothing more.

/// Counts what may provoke an error without an id. Each message that went out knows the count at that time.
#[derive(Default)]
pub(super) struct Provocations {
    count: u64,
    /// The count after the last notification, cancel or error with id null.
    last: u64,
    /// The highest count before a call that has been answered.
    settled: u64,
}

impl Provocations {
    /// A notification, a cancel or an error with id null goes out.
    pub(super) fn note(&mut self) {
        self.count += 1;
        self.last = self.count;
    }

    /// A call that was sent is not awaited any more; its answer may still come.
    pub(super) fn note_abandoned(&mut self) {
        self.count += 1;
    }

    /// What has gone out so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// What has gone out so far, without the calls that were abandoned.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// A call has been answered before which so many had gone out.
    pub(super) fn settle(&mut self, count: u64) {
        self.settled = self.settled.max(count);
    }

    /// Whether nothing but a call that is awaited can have provoked an error now.
    pub(super) fn are_settled(&self) -> bool {
        self.settled >= self.count
    }

    /// Whether nothing but a batch can have: nothing went out since the batch (`after`), and what went out
    /// before it (`before`) was followed by a call that has been answered.
    pub(super) fn leave_only(&self, before: u64, after: u64) -> bool {
        self.last <= after && self.settled >= before
    }
}
