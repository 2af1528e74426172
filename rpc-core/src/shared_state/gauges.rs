//! Gauges that a connection's task publishes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Gauges {
    serving: AtomicUsize,
    unflushed: AtomicUsize,
    unmatched: AtomicU64,
    /// In nanoseconds; 0: none yet.
    round_trip: AtomicU64,
}

impl Gauges {
    /// Calls of the peer that are open here.
    pub(crate) fn serving(&self) -> usize {
        self.serving.load(Ordering::Relaxed)
    }

    pub(crate) fn set_serving(&self, calls: usize) {
        self.serving.store(calls, Ordering::Relaxed);
    }

    /// Bytes that the transport holds and the operating system has not taken.
    pub(crate) fn unflushed(&self) -> usize {
        self.unflushed.load(Ordering::Relaxed)
    }

    pub(crate) fn set_unflushed(&self, bytes: usize) {
        self.unflushed.store(bytes, Ordering::Relaxed);
    }

    /// Responses that no call of ours awaited: late, or never ours.
    pub(crate) fn unmatched(&self) -> u64 {
        self.unmatched.load(Ordering::Relaxed)
    }

    pub(crate) fn count_unmatched(&self) {
        self.unmatched.fetch_add(1, Ordering::Relaxed);
    }

    /// How long the last ping took to be answered.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        let nanos = self.round_trip.load(Ordering::Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    pub(crate) fn set_round_trip(&self, round_trip: Duration) {
        let nanos = u64::try_from(round_trip.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.round_trip.store(nanos, Ordering::Relaxed);
    }
}
