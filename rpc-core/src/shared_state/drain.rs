//! Whether new calls of the peer are still served, and what has become of those that were open.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

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
    /// From now on no new call of the peer is served; `false` if that was so.
    pub(super) fn begin(&self) -> bool {
        !self.begun.swap(true, Ordering::AcqRel)
    }

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

    /// Waits until what was open has ended.
    pub(crate) async fn done(&self) {
        loop {
            // Made before the check, so that an end between the two is not missed.
            let notified = self.on_done.notified();
            if self.done.load(Ordering::Acquire) {
                return;
            }
            notified.await;
        }
    }
}
