//! The credit of notifications under `birpc.v1`: for those of this side, and for those of the peer.

use std::collections::VecDeque;

use bytes::Bytes;

use super::write_queue::{QueuedFrame, WriteQueue};
use crate::message::{BatchText, Totals, is_reserved};
use crate::multiplexer::{Excess, NotificationCredit, WINDOW};

/// `None` if the peer speaks plain JSON-RPC. In that case there is no credit, and all notifications are sent
/// at once.
pub(super) struct Notifications(Option<Box<Credited>>);

struct Credited {
    credit: NotificationCredit,
    /// Broadcasts that wait for credit.
    held: VecDeque<Bytes>,
    held_bytes: usize,
}

/// The cost of a held broadcast in addition to its bytes.
const HELD_OVERHEAD: usize = 64;

impl Credited {
    fn may_send(&self, sizes: impl IntoIterator<Item = usize>) -> bool {
        // Broadcasts that wait are sent first.
        self.held.is_empty() && self.credit.may_send(sizes)
    }

    fn hold(&mut self, text: Bytes) {
        self.held_bytes += text.len() + HELD_OVERHEAD;
        self.held.push_back(text);
    }

    /// The next broadcast for which there is credit now.
    fn release(&mut self) -> Option<Bytes> {
        let next = self.held.front()?;
        if !self.credit.may_send([next.len()]) {
            return None;
        }
        self.credit.spend(next.len());
        self.held_bytes -= next.len() + HELD_OVERHEAD;
        self.held.pop_front()
    }
}

impl Notifications {
    pub(super) fn new(speaks_birpc: bool) -> Self {
        let credited = || {
            let credit = NotificationCredit::new(WINDOW);
            Box::new(Credited { credit, held: VecDeque::new(), held_bytes: 0 })
        };
        Self(speaks_birpc.then(credited))
    }

    /// Whether there is credit for a notification.
    pub(super) fn may_send(&self, text: &[u8]) -> bool {
        self.0.as_ref().is_none_or(|credited| is_reserved(text) || credited.may_send([text.len()]))
    }

    /// Whether there is credit for all notifications of a batch.
    pub(super) fn may_send_batch(&self, batch: &BatchText) -> bool {
        let mut sizes = sizes(batch.notifications()).peekable();
        let none = sizes.peek().is_none();
        none || self.0.as_ref().is_none_or(|credited| credited.may_send(sizes))
    }

    /// Whether a batch with these notifications can ever be sent: whether the whole window has credit for
    /// them.
    pub(super) fn can_cover<'t>(&self, notifications: impl Iterator<Item = &'t Bytes>) -> bool {
        self.0.is_none() || NotificationCredit::new(WINDOW).may_send(sizes(notifications))
    }

    /// Counts a notification that is sent.
    pub(super) fn spend(&mut self, text: &[u8]) {
        if let Some(credited) = self.0.as_mut().filter(|_| !is_reserved(text)) {
            credited.credit.spend(text.len());
        }
    }

    /// Counts the notifications of a batch that is sent.
    pub(super) fn spend_batch(&mut self, batch: &BatchText) {
        if let Some(credited) = &mut self.0 {
            sizes(batch.notifications()).for_each(|bytes| credited.credit.spend(bytes));
        }
    }

    /// Queues a broadcast, which never waits; it is held while there is no credit for it.
    pub(super) fn broadcast(&mut self, text: Bytes, queue: &mut WriteQueue) {
        match &mut self.0 {
            Some(credited) if !is_reserved(&text) && !credited.may_send([text.len()]) => credited.hold(text),
            _ => {
                self.spend(&text);
                queue.push(QueuedFrame::Frame(text));
            }
        }
    }

    /// The size of the broadcasts that wait for credit, with the cost of each.
    pub(super) fn held_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |credited| credited.held_bytes)
    }

    /// Drops the broadcasts that wait for credit.
    pub(super) fn drop_held(&mut self) {
        if let Some(credited) = &mut self.0 {
            credited.held = VecDeque::new();
            credited.held_bytes = 0;
        }
    }

    /// The maximum number of notifications that may be sent now. Fewer may be sent if they are large.
    pub(super) fn left(&self) -> usize {
        match &self.0 {
            None => usize::MAX,
            Some(credited) if !credited.held.is_empty() => 0,
            Some(credited) => usize::try_from(credited.credit.left()).unwrap_or(usize::MAX),
        }
    }

    /// Handles new totals of the peer. Queues broadcasts that have credit now, and returns whether there were
    /// any.
    pub(super) fn allow(&mut self, total: Totals, queue: &mut WriteQueue) -> bool {
        let Some(credited) = &mut self.0 else { return false };
        credited.credit.handle_allow(total);
        let mut released = false;
        while let Some(text) = credited.release() {
            queue.push(QueuedFrame::Frame(text));
            released = true;
        }
        released
    }

    /// Counts a notification of the peer. `Err` if it had no credit.
    pub(super) fn arrive(&mut self, bytes: usize) -> Result<(), Excess> {
        self.0.as_mut().map_or(Ok(()), |credited| credited.credit.arrive(bytes))
    }

    /// Returns the credit of a notification of the peer. Returns whether a new total is to be sent.
    pub(super) fn give_back(&mut self, bytes: usize) -> bool {
        self.0.as_mut().is_some_and(|credited| credited.credit.give_back(bytes))
    }

    /// The total to send to the peer, if a new one is due.
    pub(super) fn poll_allow(&mut self) -> Option<Totals> {
        self.0.as_mut()?.credit.poll_allow()
    }

    /// The totals that the peer has allowed, if the peer itself may send nothing before it gets a new total.
    pub(super) fn allowed_by_silenced(&self) -> Option<Totals> {
        let credit = &self.0.as_ref()?.credit;
        credit.is_used_up().then(|| credit.allowed())
    }
}

fn sizes<'t>(notifications: impl Iterator<Item = &'t Bytes>) -> impl Iterator<Item = usize> {
    notifications.filter(|text| !is_reserved(text)).map(Bytes::len)
}
