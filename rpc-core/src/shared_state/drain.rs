//! Whether new incoming calls are still served, and how those that were open have ended.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use tokio::sync::Notify;

#[derive(Default)]
pub(crate) struct Drain {
    begun: AtomicBool,
    /// Nothing is open and nothing is queued. Only messages that the application sends can change that.
    done: AtomicBool,
    /// Notifies those who wait for either. There is one for both, to save memory in each connection.
    on_change: Notify,
    finished: AtomicUsize,
    cut: AtomicUsize,
}

impl Drain {
    /// Refuses new incoming calls from now on; `false` if that was already the case.
    pub(super) fn begin(&self) -> bool {
        let first = !self.begun.swap(true, Ordering::AcqRel);
        if first {
            self.on_change.notify_waiters();
        }
        first
    }

    /// Waits until new incoming calls are refused.
    pub(crate) async fn begun(&self) {
        let mut notified = pin!(self.on_change.notified());
        // Checked at each poll, so that no beginning is missed.
        poll_fn(|cx| if self.has_begun() { Poll::Ready(()) } else { notified.as_mut().poll(cx) }).await;
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

    /// Counts an incoming call that has finished.
    pub(crate) fn count_finished(&self) {
        if self.has_begun() {
            self.finished.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Counts incoming calls that end with the connection.
    pub(crate) fn count_cut(&self, calls: usize) {
        if self.has_begun() {
            self.cut.fetch_add(calls, Ordering::AcqRel);
        }
    }

    /// Notes that there is nothing left to wait for.
    pub(crate) fn finish(&self) {
        if !self.done.swap(true, Ordering::AcqRel) {
            self.on_change.notify_waiters();
        }
    }

    /// Waits until the open calls have ended.
    pub(crate) async fn done(&self) {
        loop {
            // Created before the check, so that an end between the two is not missed.
            let notified = self.on_change.notified();
            if self.done.load(Ordering::Acquire) {
                return;
            }
            notified.await;
        }
    }
}
