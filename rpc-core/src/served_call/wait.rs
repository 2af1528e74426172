//! A handler's slot is free while the handler waits for a peer.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ServedCall;

thread_local! {
    static CURRENT: RefCell<Option<Arc<ServedCall>>> = const { RefCell::new(None) };
}

/// Runs `poll` as a part of a handler: while a call that it makes is awaited, the handler's slot is free.
#[inline]
pub(crate) fn within<R>(call: &Arc<ServedCall>, poll: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<ServedCall>>);
    impl Drop for Restore {
        #[inline]
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(Some(call.clone())));
    poll()
}

/// Held while a handler waits for a peer: for the reply to a call, or for room in the queue. The handler's
/// slot is free meanwhile, so handlers that call each other's peers cannot fill all slots and deadlock, and a
/// peer that does not read takes no slot from others. A notification returns its credit when its handler
/// first waits, for the same reason.
pub(crate) struct Wait(Arc<ServedCall>);

impl Wait {
    /// Starts a wait of the current handler; `None` outside of a handler.
    pub(crate) fn begin() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone).map(Self::of)
    }

    /// Starts a wait of this call's handler.
    pub(crate) fn of(call: Arc<ServedCall>) -> Self {
        let waits = call.waits.fetch_add(1, Ordering::AcqRel);
        if waits == 0 {
            call.shared.gauges().begin_waiting();
            call.give_back_credit();
            // A parked call may use the slot now.
            call.shared.driver_waker().notify();
            call.shared.server_limits().free_slot();
        }
        Self(call)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        // The handler continues. It may briefly exceed the number of slots; `max_open` limits by how many.
        if self.0.waits.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.shared.gauges().end_waiting();
            self.0.shared.server_limits().retake_slot();
        }
    }
}
