//! Batches of ours of which the peer has answered nothing yet.
//!
//! A peer that refuses a whole batch answers with one error whose id is null (JSON-RPC 2.0 §6), which says
//! nothing of the calls in it. Here is remembered which they are, and what went out around them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::provocations::Provocations;
use crate::message::ErrorCode;

/// By the first id. The ids of a batch are given at once, so no other call has one between its first and its
/// last.
#[derive(Default)]
pub(super) struct SentBatches {
    by_first: BTreeMap<u64, SentBatch>,
}

struct SentBatch {
    last: u64,
    /// Calls that are still awaited; without any it is forgotten.
    awaited: usize,
    /// With its notifications.
    entries: usize,
    /// [`Provocations::last`] before it was sent, and after it with its own notifications.
    before: u64,
    after: u64,
}

impl SentBatches {
    /// Remembers a batch, if calls are in it.
    pub(super) fn insert(&mut self, ids: &[u64], entries: usize, before: u64, after: u64) {
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return };
        let batch = SentBatch { last: *last, awaited: ids.len(), entries, before, after };
        self.by_first.insert(*first, batch);
    }

    /// Whether none is out.
    pub(super) fn is_empty(&self) -> bool {
        self.by_first.is_empty()
    }

    /// The peer has answered a call: it did not refuse the call's batch.
    pub(super) fn answered(&mut self, id: u64) {
        if let Some(first) = self.first_of(id) {
            self.by_first.remove(&first);
        }
    }

    /// A call that was sent is not awaited any more.
    pub(super) fn left(&mut self, id: u64) {
        let Some(first) = self.first_of(id) else { return };
        if let Some(batch) = self.by_first.get_mut(&first) {
            batch.awaited -= 1;
            if batch.awaited == 0 {
                self.by_first.remove(&first);
            }
        }
    }

    /// Forgets the batch that the peer has refused with this code, and gives the range of its ids; `None` if
    /// something else may have provoked the error. It is the one with the most entries, of equals the oldest:
    /// a peer with a limit refuses none that is smaller than one that it takes, and a peer without batches
    /// refuses each in turn.
    pub(super) fn take_refused(&mut self, code: i64, sent: &Provocations) -> Option<RangeInclusive<u64>> {
        // They speak of a method, which a batch has none of.
        if [ErrorCode::MethodNotFound, ErrorCode::InvalidParams]
            .iter()
            .any(|of_method| of_method.number() == code)
        {
            return None;
        }
        let refused = |batch: &SentBatch| sent.leave_only(batch.before, batch.after);
        let batches = self.by_first.iter().rev().filter(|(_, batch)| refused(batch));
        let largest = batches.max_by_key(|(_, batch)| batch.entries)?;
        let range = *largest.0..=largest.1.last;
        self.by_first.remove(range.start());
        Some(range)
    }

    pub(super) fn clear(&mut self) {
        self.by_first.clear();
    }

    fn first_of(&self, id: u64) -> Option<u64> {
        // The usual case, for each reply.
        if self.by_first.is_empty() {
            return None;
        }
        let (first, batch) = self.by_first.range(..=id).next_back()?;
        (id <= batch.last).then_some(*first)
    }
}

#[cfg(test)]
#[path = "sent_batches_tests.rs"]
mod tests;
