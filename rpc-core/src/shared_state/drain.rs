//! Whether new calls of the peer are still served, and what has become of those that were open.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::SharedState;

#[derive(Default)]
pub(crate) struct Drain {
    begun: AtomicBool,
    /// Nothing is open and nothing is queued; it stays so but for what the application sends.
    done: AtomicBool,
    on_done: Notify,
    finished: AtomicUsize,
    cut: AtomicUsize,
}

impl Drain {
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    pub(crate) fn finished(&self) -> usize {
        self.finished.load(Ordering::Acquire)
    }

    pub(crate) fn cut(&self) -> usize {
        self.cut.load(Ordering::Acquire)
    }

    /// A call of the peer has ended.
    pub(crate) fn count_finished(&self) {
        if self.has_begun() {
            self.finished.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// So many calls of the peer end with the connection.
    pub(crate) fn count_cut(&self, calls: usize) {
        if self.has_begun() {
            self.cut.fetch_add(calls, Ordering::AcqRel);
        }
    }

    /// Nothing is left to wait for.
    pub(crate) fn finish(&self) {
        if !self.done.swap(true, Ordering::AcqRel) {
            self.on_done.notify_waiters();
        }
    }
}

impl SharedState {
    /// From now on no new call of the peer is served.
    pub(crate) fn begin_drain(&self) {
        if !self.drain.begun.swap(true, Ordering::AcqRel) {
            self.notify_driver();
        }
    }

    /// Waits until what was open has ended.
    pub(crate) async fn drained(&self) {
        loop {
            // Made before the check, so that an end between the two is not missed.
            let notified = self.drain.on_done.notified();
            if self.drain.done.load(Ordering::Acquire) {
                return;
            }
            notified.await;
        }
    }
}
