//! The shared state, as the code that reads and serves notifications uses it to count their credit under
//! `birpc.v1`.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{SharedState, State};
use crate::message::{Totals, WordText};
use crate::multiplexer::Excess;

/// The operations for the code that reads and serves notifications.
pub(crate) struct CreditSide<'a>(&'a SharedState);

impl<'a> CreditSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    /// Handles a total of notifications that the peer allows.
    pub(crate) fn handle_allow(&self, total: Totals) {
        let mut state = self.0.state();
        let State { notifications, write_queue, .. } = &mut *state;
        let released = notifications.allow(total, write_queue);
        let is_news = released || write_queue.lacks_credit();
        drop(state);
        if is_news {
            // The connection's task sends what was released, and wakes the tasks that wait for credit.
            self.0.driver_waker.notify();
        }
    }

    /// Counts a notification of the peer. `Err` if the peer had no credit for it.
    pub(crate) fn arrive(&self, bytes: usize) -> Result<(), Excess> {
        self.0.state().notifications.arrive(bytes)
    }

    /// Returns the bytes of credit that a notification of the peer held.
    pub(crate) fn give_back(&self, bytes: usize) {
        let is_due = self.0.state().notifications.give_back(bytes);
        if is_due && !self.0.allow_due.swap(true, Ordering::AcqRel) {
            self.0.driver_waker.notify();
        }
    }

    /// Whether an `rpc.allow` must be sent.
    #[inline]
    pub(crate) fn is_allow_due(&self) -> bool {
        self.0.allow_due.load(Ordering::Acquire)
    }

    /// Returns the `rpc.allow` to send, if one is due.
    pub(crate) fn take_allow(&self) -> Option<Bytes> {
        self.0.allow_due.store(false, Ordering::Release);
        self.0.state().notifications.poll_allow().map(WordText::allow)
    }

    /// The total that the peer has allowed, if the peer itself has no credit until the next `rpc.allow`.
    pub(crate) fn allowed_by_silenced(&self) -> Option<Totals> {
        self.0.state().notifications.allowed_by_silenced()
    }

    /// Whether there can ever be enough credit for a batch with these notifications.
    pub(crate) fn can_cover<'t>(&self, notifications: impl Iterator<Item = &'t Bytes>) -> bool {
        self.0.state().notifications.can_cover(notifications)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::handshake::ConnectionInfo;
    use crate::multiplexer::WINDOW;
    use crate::shared_state::SharedLimits;

    #[test]
    fn a_peer_that_has_used_its_credit_is_silenced() {
        let info = ConnectionInfo::default().with_subprotocol("birpc.v1");
        let shared = SharedState::new(Arc::default(), info, SharedLimits::default());
        let credit = shared.as_credit();
        for _ in 0..WINDOW.items {
            assert_eq!(credit.allowed_by_silenced(), None);
            credit.arrive(1).expect("it has credit");
        }
        assert_eq!(credit.allowed_by_silenced(), Some(WINDOW));
        assert_eq!(credit.arrive(1), Err(Excess));
        let texts = vec![Bytes::from_static(b" "); 1025];
        assert!(credit.can_cover(texts[1..].iter()) && !credit.can_cover(texts.iter()));
    }
}
