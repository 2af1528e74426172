//! The progress of calls: reports that this side's handlers send, and reports of this side's calls that have
//! arrived.

use std::collections::VecDeque;

use bytes::Bytes;
use rustc_hash::FxHashMap;

use super::{ReportSlot, SharedState};

/// The maximum number of reports of an outgoing call, and of their bytes, that are kept until the task that
/// awaits the call is polled. Beyond that the oldest is dropped. The newest is always kept.
const KEPT_REPORTS: usize = 16;
const KEPT_BYTES: usize = 16 << 10;

/// The outgoing calls whose callers listen to their progress. The table exists while there are any.
#[derive(Default)]
pub(super) struct ProgressTable(Option<Box<FxHashMap<u64, Kept>>>);

/// The reports for a call that have arrived and were not taken.
#[derive(Default)]
struct Kept {
    reports: VecDeque<Bytes>,
    bytes: usize,
}

impl Kept {
    fn keep(&mut self, report: Bytes) {
        self.bytes += report.len();
        self.reports.push_back(report);
        while self.reports.len() > 1 && (self.reports.len() > KEPT_REPORTS || self.bytes > KEPT_BYTES) {
            self.bytes -= self.reports.pop_front().map_or(0, |oldest| oldest.len());
        }
    }
}

impl ProgressTable {
    /// Enters a call.
    pub(super) fn enter(&mut self, id: u64) {
        self.0.get_or_insert_default().insert(id, Kept::default());
    }

    fn get(&mut self, id: u64) -> Option<&mut Kept> {
        self.0.as_mut()?.get_mut(&id)
    }

    fn remove(&mut self, id: u64) -> Option<Kept> {
        let table = self.0.as_mut()?;
        let kept = table.remove(&id);
        if table.is_empty() {
            self.0 = None;
        }
        kept
    }
}

/// The operations on the progress of a connection's calls.
#[derive(Clone, Copy)]
pub(crate) struct ProgressSide<'a>(&'a SharedState);

impl<'a> ProgressSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    /// Queues a report of an incoming call, or replaces the one that is not sent yet. It has no effect if
    /// `is_over`, which is called under the lock, says that the call has ended. So a report is always queued
    /// before the reply. Returns whether one more report is queued.
    pub(crate) fn report(self, slot: ReportSlot, text: Bytes, is_over: impl FnOnce() -> bool) -> bool {
        let mut state = self.0.state();
        if state.life.ending().is_some() || is_over() {
            return false;
        }
        let is_new = state.write_queue.push_report(slot, text);
        drop(state);
        if is_new {
            self.0.driver_waker.notify();
        }
        is_new
    }

    /// Makes sure that the reports in the queue are sent before the reply of their call, which may be sent
    /// past the queue: if there is a report, notifies the connection's task.
    pub(crate) fn settle(self, slots: [ReportSlot; 2]) {
        let state = self.0.state();
        let is_queued = slots.into_iter().any(|slot| state.write_queue.has_report(slot));
        drop(state);
        if is_queued {
            self.0.driver_waker.notify();
        }
    }

    /// Drops the unsent reports of an incoming call that was cancelled.
    pub(crate) fn drop_reports(self, slots: [ReportSlot; 2]) {
        let mut state = self.0.state();
        let dropped = slots.map(|slot| state.write_queue.take_report(slot));
        drop(state);
        drop(dropped);
    }

    /// Keeps a report for an outgoing call, and wakes the task that awaits the call. `false` if no call with
    /// this id waits for its reply, or its caller does not listen.
    pub(crate) fn handle_report(self, id: u64, value: &str) -> bool {
        let mut state = self.0.state();
        if !state.calls.is_waiting(id) {
            return false;
        }
        let Some(kept) = state.progress.get(id) else { return false };
        kept.keep(Bytes::copy_from_slice(value.as_bytes()));
        let waiter = state.calls.take_waiter(id);
        drop(state);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        true
    }

    /// Takes the reports that have arrived for an outgoing call.
    pub(crate) fn take_reports(self, id: u64) -> impl ExactSizeIterator<Item = Bytes> {
        let kept = self.0.state().progress.get(id).map(std::mem::take);
        kept.unwrap_or_default().reports.into_iter()
    }

    /// Removes an outgoing call that has ended or was given up. Returns the reports that have arrived for it.
    pub(crate) fn end_call(self, id: u64) -> impl ExactSizeIterator<Item = Bytes> {
        let kept = self.0.state().progress.remove(id);
        kept.unwrap_or_default().reports.into_iter()
    }
}
