//! Batches of ours of which the peer has answered nothing yet.
//!
//! A peer that refuses a whole batch answers with one error whose id is null (JSON-RPC 2.0 §6), which says
//! nothing of the calls in it. Here is remembered which they are.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

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
}

impl SentBatches {
    /// Remembers a batch, if calls are in it.
    pub(super) fn insert(&mut self, ids: impl Iterator<Item = u64>, entries: usize) {
        let mut ids = ids.peekable();
        let Some(first) = ids.peek().copied() else { return };
        let (last, awaited) = ids.fold((first, 0), |(_, count), id| (id, count + 1));
        self.by_first.insert(first, SentBatch { last, awaited, entries });
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

    /// Forgets the batch that the peer has refused, and gives the range of its ids. It is the one with the most
    /// entries, of equals the oldest: a peer with a limit refuses none that is smaller than one that it takes,
    /// and a peer without batches refuses each in turn.
    pub(super) fn take_refused(&mut self) -> Option<RangeInclusive<u64>> {
        let largest = self.by_first.iter().rev().max_by_key(|(_, batch)| batch.entries)?;
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
