//! Where the core of a connection is while nobody works on it, and who may take it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::runtime::{Handle, RuntimeFlavor};
use tracing::dispatcher::{self, Dispatch};
use tracing::subscriber::NoSubscriber;

use super::core::Core;
use super::first_poll::{Ceded, Late};
use crate::dispatch::Tenancy;
use crate::shared_state::{QueuedFrame, SharedState};
use crate::transport::Transport;
use crate::watchdog::{LOOK_EVERY, Watched};

/// The tasks that drive a connection are numbered: the first is that of its `Connection`, and each hand-over
/// makes the next. Only the last may take the core.
pub(super) struct Slot<T> {
    shared: Arc<SharedState>,
    runtime: Handle,
    tenancy: OnceLock<Tenancy>,
    /// The subscriber of who began it: the watchdog's thread has none of its own.
    log: Dispatch,
    inner: Mutex<Inner<T>>,
    /// First polls that go on without the core.
    ceded: Mutex<Vec<Ceded>>,
    /// The last driver that was polled, but for the first.
    seen: AtomicU64,
    go_on: GoOn<T>,
}

/// Has the next driver of a connection go on, in a task of its own.
pub(super) type GoOn<T> = fn(&Handle, Arc<Slot<T>>, u64);

struct Inner<T> {
    /// `None` while it is worked on, and once the connection has ended.
    core: Option<Box<Core<T>>>,
    driver: u64,
    /// Since when the watchdog has seen that the driver is woken and not polled.
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

    /// Once, before anybody drives the connection.
    pub(super) fn set_tenancy(&self, tenancy: Tenancy) {
        let _ = self.tenancy.set(tenancy);
    }

    /// Changes the core before anybody drives it.
    pub(super) fn set_up(&self, change: impl FnOnce(&mut Core<T>)) {
        if let Some(core) = &mut self.inner().core {
            change(core);
        }
    }

    /// The core, if it is there and this driver's.
    pub(super) fn take(&self, driver: u64) -> Option<Box<Core<T>>> {
        let mut inner = self.inner();
        if inner.driver != driver {
            return None;
        }
        inner.overdue = None;
        inner.core.take()
    }

    /// Puts the core back. If the connection was dropped meanwhile, the core is.
    pub(super) fn put(&self, driver: u64, core: Box<Core<T>>) {
        let mut inner = self.inner();
        if inner.driver == driver {
            inner.core = Some(core);
        } else {
            drop(inner);
            drop(core);
        }
    }

    /// Ends the connection, whoever drives it.
    pub(super) fn dismiss(&self) {
        let core = {
            let mut inner = self.inner();
            inner.driver = NOBODY;
            inner.core.take()
        };
        drop(core);
        self.shared.notify_driver();
    }

    /// Ends the connection if this is who drives it.
    pub(super) fn dismiss_driver(&self, driver: u64) {
        if self.inner().driver == driver {
            self.dismiss();
        }
    }

    /// Notes that this driver was polled.
    pub(super) fn note_polled(&self, driver: u64) {
        self.seen.fetch_max(driver, Ordering::Relaxed);
    }

    /// What became of a first poll of a driver that has lost the core.
    pub(super) fn take_ceded(&self, driver: u64) -> Option<Ceded> {
        let mut ceded = self.ceded();
        let index = ceded.iter().position(|ceded| ceded.driver() == driver)?;
        Some(ceded.swap_remove(index))
    }

    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        // Nothing that can panic runs under the lock, so it is never left half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ceded(&self) -> MutexGuard<'_, Vec<Ceded>> {
        self.ceded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says in the log that a first poll takes long.
    fn tell(&self, late: Late) {
        if self.log.is::<NoSubscriber>() {
            return late.tell(&self.shared);
        }
        dispatcher::with_default(&self.log, || {
            // An event that was first told on a thread without this subscriber may be cached as one that
            // nobody hears.
            tracing::callsite::rebuild_interest_cache();
            late.tell(&self.shared);
        });
    }

    /// With one thread nothing else could run.
    fn may_hand_over(&self) -> bool {
        self.runtime.runtime_flavor() != RuntimeFlavor::CurrentThread
    }
}

impl<T: Transport> Slot<T> {
    /// Looks at the first poll that is under way, if there is one; and if there is none, whether the driver
    /// is polled at all.
    fn look_at_core(&self, now: Instant) -> Found {
        // If somebody works on the core, no handler holds it.
        let Ok(mut inner) = self.inner.try_lock() else { return Found::Nothing };
        let Inner { core: Some(core), driver, overdue } = &mut *inner else { return Found::Nothing };
        let Some(since) = core.first_polls().seen(now) else {
            // tokio keeps a task that another has woken on the worker of the other, which blocks.
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

/// What a look at the first poll that is under way has shown.
enum Found {
    Nothing,
    Late(Late),
    /// The core is no longer its driver's; this is the number of the next, and an answer that is to be
    /// queued.
    NextDriver(u64, Option<Bytes>),
}

impl<T: Transport> Watched for Slot<T> {
    fn look(self: Arc<Self>, now: Instant) {
        match self.look_at_core(now) {
            Found::Nothing => {}
            Found::Late(late) => self.tell(late),
            Found::NextDriver(driver, answer) => {
                // Outside of the lock, since it wakes.
                if let Some(answer) = answer {
                    self.shared.as_driver().queue(QueuedFrame::Reply(answer));
                }
                tracing::debug!(
                    connection = self.shared.id(),
                    "a handler blocks the connection's task; another task continues"
                );
                // From outside of the runtime, which also wakes a worker that is asleep.
                (self.go_on)(&self.runtime, self.clone(), driver);
            }
        }
        let seen = self.seen.load(Ordering::Relaxed);
        let late = |ceded: &mut Ceded| ceded.late(now, seen);
        let late: Vec<Late> = self.ceded().iter_mut().filter_map(late).collect();
        late.into_iter().for_each(|late| self.tell(late));
    }
}
