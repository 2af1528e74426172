//! Outgoing batches of which the peer has answered nothing yet.
//!
//! A peer that refuses a whole batch answers with a single error whose id is null (JSON-RPC 2.0 §6), which
//! does not name the calls in the batch. This table records the batches, and what was sent before and after
//! them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::provocations::Provocations;
use crate::message::ErrorCode;

/// By first id. The ids of a batch are assigned together, so no other call has an id between its first and
/// its last.
#[derive(Default)]
pub(super) struct SentBatches {
    by_first: BTreeMap<u64, SentBatch>,
}

struct SentBatch {
    last: u64,
    /// The number of calls that are still awaited. A batch with none is forgotten.
    awaited: usize,
    /// Includes the batch's notifications.
    entries: usize,
    /// The values of [`Provocations::last`] before the batch was sent, and after it with its own
    /// notifications.
    before: u64,
    after: u64,
}

impl SentBatches {
    /// Records a batch, if it contains calls.
    pub(super) fn insert(&mut self, ids: &[u64], entries: usize, before: u64, after: u64) {
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return };
        let batch = SentBatch { last: *last, awaited: ids.len(), entries, before, after };
        self.by_first.insert(*first, batch);
    }

    /// Whether no batch is waiting for a first reply.
    pub(super) fn is_empty(&self) -> bool {
        self.by_first.is_empty()
    }

    /// The peer has answered a call, so it has not refused the call's batch.
    pub(super) fn answered(&mut self, id: u64) {
        if let Some(first) = self.first_of(id) {
            self.by_first.remove(&first);
        }
    }

    /// A call that was sent is no longer awaited.
    pub(super) fn left(&mut self, id: u64) {
        let Some(first) = self.first_of(id) else { return };
        if let Some(batch) = self.by_first.get_mut(&first) {
            batch.awaited -= 1;
            if batch.awaited == 0 {
                self.by_first.remove(&first);
            }
        }
    }

    /// Forgets the batch that the peer has refused with this code, and returns the range of its ids; `None`
    /// if something else may have provoked the error. The refused batch is taken to be the one with the most
    /// entries, or the oldest of these: a peer with a limit does not refuse a batch that is smaller than one
    /// that it accepts, and a peer that does not support batches refuses them in order.
    pub(super) fn take_refused(&mut self, code: i64, sent: &Provocations) -> Option<RangeInclusive<u64>> {
        // These codes concern a method, and a batch has none.
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
