//! Credit for the notifications of a connection, in both directions: they alone have no answer, so nothing
//! else would hold their sender back.
//!
//! What one holds is given back when its handler ends or first awaits the peer that sent it. At the handler's
//! start there would be no backpressure; at its end alone, two peers whose handlers notify each other would
//! wait for each other.

use super::credit::{Excess, ReceiveCredit, SendCredit};
use crate::message::Totals;

/// What a peer may send before it is told anything, and the window from then on.
pub(crate) const WINDOW: Totals = Totals { items: 1024, bytes: 1 << 20 };

#[derive(Clone, Debug)]
pub(crate) struct NotificationCredit {
    /// Of ours that go to the peer.
    sending: SendCredit,
    /// Of the peer's.
    receiving: ReceiveCredit,
    window: Totals,
}

impl NotificationCredit {
    pub(crate) fn new(window: Totals) -> Self {
        Self { sending: SendCredit::new(window), receiving: ReceiveCredit::new(window), window }
    }

    /// Whether notifications of these sizes may go, one after the other.
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

    /// Counts a notification that goes; bytes are those of its own JSON text.
    pub(crate) fn spend(&mut self, bytes: usize) {
        self.sending.spend(bytes as u64);
    }

    /// Notifications that may go, if their bytes allow it.
    pub(crate) fn left(&self) -> u64 {
        self.sending.left()
    }

    /// `rpc.allow`.
    pub(crate) fn handle_allow(&mut self, total: Totals) {
        self.sending.grant(total);
    }

    /// What the peer has allowed in all; it never goes down.
    pub(crate) fn allowed(&self) -> Totals {
        self.sending.granted()
    }

    /// Counts a notification that came. After an excess the connection closes with 1008.
    pub(crate) fn arrive(&mut self, bytes: usize) -> Result<(), Excess> {
        self.receiving.arrive(bytes as u64)
    }

    /// One holds nothing any more: its handler has ended or awaits the peer, or it was none that is served.
    /// Whether the peer is to be told of a new total.
    pub(crate) fn give_back(&mut self, bytes: usize) -> bool {
        self.receiving.take(bytes as u64);
        self.receiving.is_due(self.window)
    }

    /// The total that an `rpc.allow` is to tell, if there is one.
    pub(crate) fn poll_allow(&mut self) -> Option<Totals> {
        self.receiving.raise(self.window)
    }

    /// Whether the peer may send nothing before it is told a new total.
    pub(crate) fn is_used_up(&self) -> bool {
        self.receiving.is_used_up()
    }

    /// Bytes that have come and are held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> u64 {
        self.receiving.unread()
    }
}

#[cfg(test)]
#[path = "notification_credit_model.rs"]
mod model;
