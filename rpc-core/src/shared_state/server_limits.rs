//! The limits that all connections of a server share.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::SharedState;
use crate::config::Limits;
use crate::multiplexer::FairSemaphore;

/// The limits that all connections of a server share: [`Limits::max_in_flight_total`] and
/// [`Limits::max_open_total`]. A clone is cheap and shares the counts.
///
/// A `Server` creates them itself. Use this type only for connections that are created in another way, with
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
pub struct SharedLimits(Option<Arc<Counts>>);

struct Counts {
    semaphore: Option<Mutex<FairSemaphore<Arc<SharedState>>>>,
    max_open: usize,
    open: AtomicUsize,
}

impl SharedLimits {
    /// Creates the limits that are set. With the default limits there are none.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        if limits.max_in_flight_total.is_none() && limits.max_open_total.is_none() {
            return Self(None);
        }
        Self(Some(Arc::new(Counts {
            semaphore: limits.max_in_flight_total.map(|limit| Mutex::new(FairSemaphore::new(limit))),
            max_open: limits.max_open_total.unwrap_or(usize::MAX),
            open: AtomicUsize::new(0),
        })))
    }

    /// Takes one of the shared slots. If none is free, the connection's task is notified when one is reserved
    /// for it.
    #[inline]
    pub(crate) fn take_slot(&self, shared: &Arc<SharedState>) -> bool {
        self.semaphore(|semaphore| semaphore.enter(shared.id(), shared)).unwrap_or(true)
    }

    /// Returns the slot of [`SharedLimits::take_slot`].
    #[inline]
    pub(crate) fn free_slot(&self) {
        self.pass_on(FairSemaphore::leave);
    }

    /// Counts a handler that resumes after it had given up its slot.
    pub(crate) fn retake_slot(&self) {
        self.semaphore(FairSemaphore::resume);
    }

    /// This connection has no more calls that wait for a slot.
    pub(crate) fn want_no_slot(&self, connection: u64) {
        self.pass_on(|semaphore| semaphore.step_aside(connection));
    }

    /// Counts a call among the open calls of all connections, even past the limit: something else limits the
    /// number of such calls.
    pub(crate) fn take_open_permit_anyway(&self) -> OpenPermit {
        let counts = self.0.clone();
        if let Some(counts) = &counts {
            counts.open.fetch_add(1, Ordering::AcqRel);
        }
        OpenPermit(counts)
    }

    /// A permit for an open call, out of those that all connections share; `None` if all are taken.
    pub(crate) fn take_open_permit(&self) -> Option<OpenPermit> {
        let Some(counts) = &self.0 else { return Some(OpenPermit(None)) };
        if counts.open.fetch_add(1, Ordering::AcqRel) >= counts.max_open {
            counts.open.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(OpenPermit(Some(counts.clone())))
    }

    fn semaphore<R>(&self, act: impl FnOnce(&mut FairSemaphore<Arc<SharedState>>) -> R) -> Option<R> {
        let semaphore = self.0.as_ref()?.semaphore.as_ref()?;
        // No code that can panic runs under the lock, so a poisoned lock still protects a consistent state.
        Some(act(&mut semaphore.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Returns a slot, and wakes the connection that gets it.
    fn pass_on(&self, act: impl FnOnce(&mut FairSemaphore<Arc<SharedState>>) -> Option<Arc<SharedState>>) {
        if let Some(next) = self.semaphore(act).flatten() {
            next.driver_waker().notify();
        }
    }
}

/// Held by an open call.
pub(crate) struct OpenPermit(Option<Arc<Counts>>);

impl Drop for OpenPermit {
    fn drop(&mut self) {
        if let Some(counts) = &self.0 {
            counts.open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl fmt::Debug for SharedLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.0.as_ref().map(|counts| counts.open.load(Ordering::Relaxed));
        f.debug_struct("SharedLimits").field("open", &open).finish_non_exhaustive()
    }
}
