//! How a connection's task learns that there is work, and what the watchdog looks at to see that it does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, Weak};
use std::task::Context;

use futures_util::task::AtomicWaker;

use crate::watchdog::{Watch, Watched};

/// Wakes the connection's task, once until it has looked.
#[derive(Default)]
pub(super) struct DriverWaker {
    waker: AtomicWaker,
    /// Whether the task has been told, and has not looked.
    notified: AtomicBool,
    /// What the watchdog looks at while application code runs in a task beside the connection's.
    watched: OnceLock<Weak<dyn Watched>>,
}

impl DriverWaker {
    pub(super) fn register(&self, cx: &Context<'_>) {
        self.waker.register(cx.waker());
    }

    /// Tells the task that there is work, if it has not been told.
    pub(super) fn notify(&self) {
        if !self.notified.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    pub(super) fn is_notified(&self) -> bool {
        self.notified.load(Ordering::Acquire)
    }

    /// Notes that the task looks now. Called before it does, so that whoever adds something behind the look
    /// tells again. A swap and no store: what was added before the flag was set has to be seen.
    pub(super) fn begin_look(&self) {
        self.notified.swap(false, Ordering::AcqRel);
    }

    /// Says what the watchdog is to look at, once.
    pub(super) fn set_watched(&self, watched: Weak<dyn Watched>) {
        let _ = self.watched.set(watched);
    }

    /// Has the watchdog look at the connection.
    pub(super) fn watch(&self) -> Option<Watch> {
        Watch::begin(self.watched.get()?.upgrade()?)
    }
}
