//! The shared state as it counts the credit of notifications under `birpc.v1`.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{SharedState, State};
use crate::message::{Totals, WordText};
use crate::multiplexer::Excess;

/// What those do who read notifications and serve them.
pub(crate) struct CreditSide<'a>(&'a SharedState);

impl<'a> CreditSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    /// The peer allows so many notifications in all.
    pub(crate) fn handle_allow(&self, total: Totals) {
        let mut state = self.0.state();
        let State { notifications, write_queue, .. } = &mut *state;
        let released = notifications.allow(total, write_queue);
        let is_news = released || write_queue.lacks_credit();
        drop(state);
        if is_news {
            // It sends what was released, and wakes those who wait.
            self.0.notify_driver();
        }
    }

    /// Counts a notification of the peer. `Err` if it had no credit.
    pub(crate) fn arrive(&self, bytes: usize) -> Result<(), Excess> {
        self.0.state().notifications.arrive(bytes)
    }

    /// A notification of the peer holds its bytes of credit no more.
    pub(crate) fn give_back(&self, bytes: usize) {
        let is_due = self.0.state().notifications.give_back(bytes);
        if is_due && !self.0.allow_due.swap(true, Ordering::AcqRel) {
            self.0.notify_driver();
        }
    }

    /// Whether the peer is to be told that it may send more.
    #[inline]
    pub(crate) fn is_allow_due(&self) -> bool {
        self.0.allow_due.load(Ordering::Acquire)
    }

    /// The word that tells the peer that it may send more.
    pub(crate) fn take_allow(&self) -> Option<Bytes> {
        self.0.allow_due.store(false, Ordering::Release);
        self.0.state().notifications.poll_allow().map(WordText::allow)
    }

    /// What the peer has allowed so far, if it may send nothing itself before it is told a new total.
    pub(crate) fn allowed_by_silenced(&self) -> Option<Totals> {
        self.0.state().notifications.allowed_by_silenced()
    }

    /// Whether a batch with these notifications may ever go.
    pub(crate) fn can_cover<'t>(&self, notifications: impl Iterator<Item = &'t Bytes>) -> bool {
        self.0.state().notifications.can_cover(notifications)
    }
}
