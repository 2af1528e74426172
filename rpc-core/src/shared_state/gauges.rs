//! Counts that a connection's task and its handlers publish.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Gauges {
    serving: AtomicUsize,
    waiting: AtomicUsize,
    producing: AtomicUsize,
    unflushed: AtomicUsize,
    unmatched: AtomicU64,
    dropped: AtomicU64,
    /// In nanoseconds; 0 means that there is none yet.
    round_trip: AtomicU64,
}

impl Gauges {
    /// The number of incoming calls that are open.
    pub(crate) fn serving(&self) -> usize {
        self.serving.load(Ordering::Relaxed)
    }

    pub(crate) fn set_serving(&self, calls: usize) {
        self.serving.store(calls, Ordering::Relaxed);
    }

    /// The number of handlers of this connection that await calls of their own. They hold no slot meanwhile.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Counts a handler that begins to await a call of its own.
    pub(crate) fn begin_waiting(&self) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn end_waiting(&self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    /// The number of open incoming calls whose results are streams that are open.
    pub(crate) fn producing(&self) -> usize {
        self.producing.load(Ordering::Acquire)
    }

    pub(crate) fn begin_producing(&self) {
        self.producing.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn end_producing(&self) {
        self.producing.fetch_sub(1, Ordering::AcqRel);
    }

    /// The number of bytes that the transport holds and the operating system has not taken.
    pub(crate) fn unflushed(&self) -> usize {
        self.unflushed.load(Ordering::Relaxed)
    }

    pub(crate) fn set_unflushed(&self, bytes: usize) {
        self.unflushed.store(bytes, Ordering::Relaxed);
    }

    /// The number of responses that matched no outgoing call: they were late, or their ids were never used.
    pub(crate) fn unmatched(&self) -> u64 {
        self.unmatched.load(Ordering::Relaxed)
    }

    pub(crate) fn count_unmatched(&self) {
        self.unmatched.fetch_add(1, Ordering::Relaxed);
    }

    /// Notifications of the peer that were dropped although their method is served.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// The round-trip time of the last ping.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        let nanos = self.round_trip.load(Ordering::Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    pub(crate) fn set_round_trip(&self, round_trip: Duration) {
        let nanos = u64::try_from(round_trip.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.round_trip.store(nanos, Ordering::Relaxed);
    }
}
