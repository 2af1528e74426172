//! Notifies a connection's task of work, and lets the watchdog check that the task runs.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, Weak};
use std::task::Context;

use futures_util::task::AtomicWaker;

use crate::watchdog::{Watch, Watched};

/// Wakes the connection's task, once until the task has looked at the queue.
#[derive(Default)]
pub(crate) struct DriverWaker {
    waker: AtomicWaker,
    /// Whether the task has been notified and has not looked yet.
    notified: AtomicBool,
    /// The object that the watchdog checks while application code runs on a task other than the connection's.
    watched: OnceLock<Weak<dyn Watched>>,
}

impl DriverWaker {
    pub(super) fn register(&self, cx: &Context<'_>) {
        self.waker.register(cx.waker());
    }

    /// Notifies the task that there is work, unless it has already been notified.
    pub(crate) fn notify(&self) {
        if !self.notified.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    pub(super) fn is_notified(&self) -> bool {
        self.notified.load(Ordering::Acquire)
    }

    /// Records that the task is about to look at the queue, so that anything that is queued later notifies
    /// again. It is a swap and not a store because everything that was queued before the flag was set must be
    /// visible.
    pub(super) fn begin_look(&self) {
        self.notified.swap(false, Ordering::AcqRel);
    }

    /// Sets the object that the watchdog checks, once.
    pub(crate) fn set_watched(&self, watched: Weak<dyn Watched>) {
        let _ = self.watched.set(watched);
    }

    /// Makes the watchdog check the connection: application code is about to be polled, which may wake the
    /// connection's task and then block the worker thread that would poll it.
    pub(crate) fn watch(&self) -> Option<Watch> {
        Watch::begin(self.watched.get()?.upgrade()?)
    }

    /// Polls application code, such as a hook, with [`DriverWaker::watch`].
    pub(crate) async fn watched<T>(&self, code: impl Future<Output = T>) -> T {
        let mut code = pin!(code);
        poll_fn(|cx| {
            let _watch = self.watch();
            code.as_mut().poll(cx)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    struct Unseen;

    impl Watched for Unseen {
        fn look(self: Arc<Self>, _now: Instant) {}
    }

    #[test]
    fn a_connection_is_watched_as_long_as_it_exists() {
        let waker = DriverWaker::default();
        assert!(waker.watch().is_none());
        let watched = Arc::new(Unseen);
        let weak: Weak<Unseen> = Arc::downgrade(&watched);
        waker.set_watched(weak);
        assert!(waker.watch().is_some());
        // The watchdog's thread may hold a reference for a moment.
        drop(watched);
        while waker.watch().is_some() {
            std::thread::yield_now();
        }
    }
}
