//! Credit for the notifications of a connection, in both directions. Only notifications need it: they have no
//! answer, so nothing else would slow their sender down.
//!
//! A notification holds its credit until its handler ends or first awaits the peer that sent the
//! notification. If the credit were returned at the handler's start, a slow handler would not slow its sender
//! down; if only at its end, two peers whose handlers notify each other would wait for each other.

use super::credit::{Excess, ReceiveCredit, SendCredit};
use crate::message::Totals;

/// The credit of a peer at the beginning of a connection, and how far it may be ahead from then on.
pub(crate) const WINDOW: Totals = Totals { items: 1024, bytes: 1 << 20 };

#[derive(Clone, Debug)]
pub(crate) struct NotificationCredit {
    /// For this side's notifications to the peer.
    sending: SendCredit,
    /// For the peer's notifications.
    receiving: ReceiveCredit,
    window: Totals,
}

impl NotificationCredit {
    pub(crate) fn new(window: Totals) -> Self {
        Self { sending: SendCredit::new(window), receiving: ReceiveCredit::new(window), window }
    }

    /// Whether notifications of these sizes may be sent, one after the other.
    pub(crate) fn may_send(&self, sizes: impl IntoIterator<Item = usize>) -> bool {
        let mut after = self.sending.clone();
        sizes.into_iter().all(|bytes| {
            let may_send = after.may_send();
            if may_send {
                after.spend(bytes as u64);
            }
            may_send
        })
    }

    /// Counts a notification that is sent. `bytes`: the size of its own JSON text.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.sending.spend(bytes as u64);
    }

    /// How many notifications may be sent, if their bytes are within the credit.
    pub(crate) fn left(&self) -> u64 {
        self.sending.left()
    }

    /// Handles an `rpc.allow` of the peer.
    pub(crate) fn handle_allow(&mut self, total: Totals) {
        self.sending.grant(total);
    }

    /// The totals that the peer has allowed; they never decrease.
    pub(crate) fn allowed(&self) -> Totals {
        self.sending.granted()
    }

    /// Counts a notification that has arrived. After an excess the connection closes with 1008.
    pub(crate) fn arrive(&mut self, bytes: usize) -> Result<(), Excess> {
        self.receiving.arrive(bytes as u64)
    }

    /// Returns the credit of a notification: its handler has ended or awaits the peer, or there is no handler
    /// for it. Returns whether a new total is to be sent to the peer.
    pub(crate) fn give_back(&mut self, bytes: usize) -> bool {
        self.receiving.take(bytes as u64);
        self.receiving.is_due(self.window)
    }

    /// The total to send with an `rpc.allow`, if one is due.
    pub(crate) fn poll_allow(&mut self) -> Option<Totals> {
        self.receiving.raise(self.window)
    }

    /// Whether the peer may send nothing before it gets a new total.
    pub(crate) fn is_used_up(&self) -> bool {
        self.receiving.is_used_up()
    }

    /// The bytes of notifications that have arrived and still hold credit.
    #[cfg(test)]
    pub(crate) fn held(&self) -> u64 {
        self.receiving.unread()
    }
}

#[cfg(test)]
#[path = "notification_credit_model.rs"]
mod model;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credit_of_both_directions_is_apart() {
        let totals = |items, bytes| Totals { items, bytes };
        let mut credit = NotificationCredit::new(totals(3, 100));
        credit.spend(7);
        assert_eq!((credit.left(), credit.allowed()), (2, totals(3, 100)));
        credit.handle_allow(totals(5, 200));
        assert_eq!((credit.left(), credit.allowed()), (4, totals(5, 200)));

        for _ in 0..3 {
            assert!(!credit.is_used_up());
            credit.arrive(1).expect("it has credit");
        }
        assert!(credit.is_used_up());
        assert_eq!([(); 2].map(|()| credit.give_back(1)), [false, true]);
        assert_eq!(credit.poll_allow(), Some(totals(5, 102)));
        assert!(!credit.is_used_up());
        assert_eq!(credit.left(), 4);
    }
}
