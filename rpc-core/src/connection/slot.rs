//! Holds the core of a connection while no code works on it, and decides which task may take it.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use tokio::runtime::{Handle, RuntimeFlavor};
use tracing::dispatcher::{self, Dispatch};
use tracing::subscriber::NoSubscriber;

use super::core::Core;
use super::first_poll::{Ceded, Late};
use super::serving::BatchReply;
use crate::dispatch::Tenancy;
use crate::shared_state::{QueuedFrame, SharedState};
use crate::transport::Transport;
use crate::watchdog::{LOOK_EVERY, Watched};

/// The tasks that drive a connection are numbered: the first one is the task of the `Connection`, and each
/// hand-over creates the next. Only the last one may take the core.
pub(super) struct Slot<T> {
    shared: Arc<SharedState>,
    runtime: Handle,
    tenancy: OnceLock<Tenancy>,
    /// The subscriber of the task that created the connection, since the watchdog's thread has none.
    log: Dispatch,
    inner: Mutex<Inner<T>>,
    /// First polls that continue without the core.
    ceded: Mutex<Vec<Ceded>>,
    /// The last driver that was polled, except for the first.
    seen: AtomicU64,
    go_on: GoOn<T>,
}

/// Starts the next driver of a connection, in a task of its own.
pub(super) type GoOn<T> = fn(&Handle, Arc<Slot<T>>, u64);

struct Inner<T> {
    /// `None` while the core is in use, and once the connection has ended.
    core: Option<Box<Core<T>>>,
    driver: u64,
    /// When the watchdog first saw that the driver was woken but not polled.
    overdue: Option<Instant>,
}

/// The task of the `Connection` itself.
pub(super) const FIRST_DRIVER: u64 = 0;

/// No driver: the connection was dropped.
const NOBODY: u64 = u64::MAX;

impl<T> Slot<T> {
    pub(super) fn new(core: Core<T>, shared: Arc<SharedState>, go_on: GoOn<T>) -> Self {
        Self {
            shared,
            runtime: Handle::current(),
            tenancy: OnceLock::new(),
            log: dispatcher::get_default(Clone::clone),
            inner: Mutex::new(Inner { core: Some(Box::new(core)), driver: FIRST_DRIVER, overdue: None }),
            ceded: Mutex::default(),
            seen: AtomicU64::new(0),
            go_on,
        }
    }

    pub(super) fn shared(&self) -> &Arc<SharedState> {
        &self.shared
    }

    pub(super) fn tenancy(&self) -> Option<Tenancy> {
        self.tenancy.get().cloned()
    }

    /// Called once, before the connection is driven.
    pub(super) fn set_tenancy(&self, tenancy: Tenancy) {
        let _ = self.tenancy.set(tenancy);
    }

    /// Changes the core before the connection is driven.
    pub(super) fn set_up(&self, change: impl FnOnce(&mut Core<T>)) {
        if let Some(core) = &mut self.inner().core {
            change(core);
        }
    }

    /// Takes the core, if it is in the slot and belongs to this driver.
    pub(super) fn take(&self, driver: u64) -> Option<Box<Core<T>>> {
        let mut inner = self.inner();
        if inner.driver != driver {
            return None;
        }
        inner.overdue = None;
        inner.core.take()
    }

    /// Puts the core back. If the connection was dropped meanwhile, drops the core.
    pub(super) fn put(&self, driver: u64, core: Box<Core<T>>) {
        let mut inner = self.inner();
        if inner.driver == driver {
            inner.core = Some(core);
        } else {
            drop(inner);
            drop(core);
        }
    }

    /// Ends the connection, whichever task drives it.
    pub(super) fn dismiss(&self) {
        let core = {
            let mut inner = self.inner();
            inner.driver = NOBODY;
            inner.core.take()
        };
        drop(core);
        self.shared.driver_waker().notify();
    }

    /// Ends the connection, if this driver drives it.
    pub(super) fn dismiss_driver(&self, driver: u64) {
        if self.inner().driver == driver {
            self.dismiss();
        }
    }

    /// Records that this driver was polled.
    pub(super) fn note_polled(&self, driver: u64) {
        self.seen.fetch_max(driver, Ordering::Relaxed);
    }

    /// The first poll of a driver that has lost the core.
    pub(super) fn take_ceded(&self, driver: u64) -> Option<Ceded> {
        let mut ceded = self.ceded();
        let index = ceded.iter().position(|ceded| ceded.driver() == driver)?;
        Some(ceded.swap_remove(index))
    }

    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        // No code that can panic runs under the lock, so a poisoned lock still protects a consistent state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ceded(&self) -> MutexGuard<'_, Vec<Ceded>> {
        self.ceded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs that a first poll takes long.
    fn tell(&self, late: Late) {
        if self.log.is::<NoSubscriber>() {
            return late.tell(&self.shared);
        }
        dispatcher::with_default(&self.log, || {
            // If an event first occurred on a thread without this subscriber, it may be cached as disabled.
            tracing::callsite::rebuild_interest_cache();
            late.tell(&self.shared);
        });
    }

    /// With a single thread no other task could run.
    fn may_hand_over(&self) -> bool {
        self.runtime.runtime_flavor() != RuntimeFlavor::CurrentThread
    }
}

impl<T: Transport> Slot<T> {
    /// Checks the current first poll. If there is none, checks whether the driver is polled at all.
    fn look_at_core(&self, now: Instant) -> Found {
        // If the core is in use, no handler blocks it.
        let Ok(mut inner) = self.inner.try_lock() else { return Found::Nothing };
        let Inner { core: Some(core), driver, overdue } = &mut *inner else { return Found::Nothing };
        let Some(since) = core.first_polls().seen(now) else {
            // tokio keeps a task that another task has woken on that task's worker, which is blocked.
            if !core.is_open() || !self.shared.as_driver().has_work() || !self.may_hand_over() {
                *overdue = None;
                return Found::Nothing;
            }
            let since = *overdue.get_or_insert(now);
            if now.duration_since(since) < LOOK_EVERY / 2 {
                return Found::Nothing;
            }
            *overdue = None;
            *driver += 1;
            return Found::NextDriver(*driver, None);
        };
        if !self.may_hand_over() {
            return core.first_polls().late(now).map_or(Found::Nothing, Found::Late);
        }
        if now.duration_since(since) < LOOK_EVERY / 2 {
            return Found::Nothing;
        }
        let Some((ceded, answer)) = core.cede(*driver) else { return Found::Nothing };
        self.ceded().push(ceded);
        *driver += 1;
        Found::NextDriver(*driver, answer)
    }
}

/// The result of a check.
enum Found {
    Nothing,
    Late(Late),
    /// The core has been taken from its driver. This is the number of the next driver, and a reply that must
    /// be queued.
    NextDriver(u64, Option<BatchReply>),
}

impl<T: Transport> Watched for Slot<T> {
    fn look(self: Arc<Self>, now: Instant) {
        match self.look_at_core(now) {
            Found::Nothing => {}
            Found::Late(late) => self.tell(late),
            Found::NextDriver(driver, answer) => {
                // Outside of the lock, since this wakes a task.
                if let Some((answer, subscriptions)) = answer {
                    self.shared.as_driver().queue(QueuedFrame::Reply(answer.clone()));
                    self.shared.as_subscription().open_behind(&answer, &subscriptions);
                }
                tracing::debug!(
                    connection = self.shared.id(),
                    "a handler blocks the connection's task; another task continues"
                );
                // Spawned from outside of the runtime, which also wakes a worker that is asleep.
                (self.go_on)(&self.runtime, self.clone(), driver);
            }
        }
        let seen = self.seen.load(Ordering::Relaxed);
        let late = |ceded: &mut Ceded| ceded.late(now, seen);
        let late: Vec<Late> = self.ceded().iter_mut().filter_map(late).collect();
        late.into_iter().for_each(|late| self.tell(late));
    }
}
