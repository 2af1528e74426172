//! Limits that connections share.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Link;
use crate::config::Limits;
use crate::multiplexer::Gate;

/// The limits that all connections of one server share: [`Limits::max_in_flight_total`] and
/// [`Limits::max_open_total`]. A cheap clone; each clone counts with the others.
///
/// `Server` makes one of its own. It is needed only where connections are begun otherwise, with
/// [`crate::Connection::sharing`].
///
/// ```
/// use birpc_core::{Limits, SharedLimits};
///
/// let mut limits = Limits::default();
/// limits.max_in_flight_total = Some(100);
/// let shared = SharedLimits::new(&limits);
/// ```
#[derive(Clone, Default)]
pub struct SharedLimits(Option<Arc<Shared>>);

struct Shared {
    gate: Option<Mutex<Gate<Arc<Link>>>>,
    max_open: usize,
    open: AtomicUsize,
}

impl SharedLimits {
    /// The limits that are set; the default has none.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        if limits.max_in_flight_total.is_none() && limits.max_open_total.is_none() {
            return Self(None);
        }
        Self(Some(Arc::new(Shared {
            gate: limits.max_in_flight_total.map(|limit| Mutex::new(Gate::new(limit))),
            max_open: limits.max_open_total.unwrap_or(usize::MAX),
            open: AtomicUsize::new(0),
        })))
    }

    fn gate<R>(&self, act: impl FnOnce(&mut Gate<Arc<Link>>) -> R) -> Option<R> {
        let gate = self.0.as_ref()?.gate.as_ref()?;
        // Nothing that can panic runs under the lock, so it is never left half changed.
        Some(act(&mut gate.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Gives a slot back, and wakes whoever has it now.
    fn pass_on(&self, act: impl FnOnce(&mut Gate<Arc<Link>>) -> Option<Arc<Link>>) {
        if let Some(next) = self.gate(act).flatten() {
            next.notify_driver();
        }
    }
}

impl Link {
    /// Takes one of the slots that connections share; if none is free, the driver is told when one is kept for
    /// this connection.
    pub(crate) fn take_slot(self: &Arc<Self>) -> bool {
        self.shared.gate(|gate| gate.enter(self.id, self)).unwrap_or(true)
    }

    /// Gives back what [`Link::take_slot`] took.
    pub(crate) fn free_slot(&self) {
        self.shared.pass_on(Gate::leave);
    }

    /// A handler goes on that had given its slot up.
    pub(crate) fn retake_slot(&self) {
        self.shared.gate(Gate::resume);
    }

    /// This connection has no call that waits for a slot any more.
    pub(crate) fn want_no_slot(&self) {
        self.shared.pass_on(|gate| gate.step_aside(self.id));
    }

    /// A place among the calls that are open over all connections; `None` if all are taken.
    pub(crate) fn take_place(&self) -> Option<Place> {
        let Some(shared) = &self.shared.0 else { return Some(Place(None)) };
        if shared.open.fetch_add(1, Ordering::AcqRel) >= shared.max_open {
            shared.open.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(Place(Some(shared.clone())))
    }
}

/// Held by an open call.
pub(crate) struct Place(Option<Arc<Shared>>);

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl fmt::Debug for SharedLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.0.as_ref().map(|shared| shared.open.load(Ordering::Relaxed));
        f.debug_struct("SharedLimits").field("open", &open).finish_non_exhaustive()
    }
}
