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
            // While broadcasts are held, there is none.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::BatchEntry;

    fn text(bytes: usize) -> Bytes {
        vec![b' '; bytes].into()
    }

    /// A batch of notifications of 100 bytes.
    fn batch(notifications: usize) -> BatchText {
        let entries = (0..notifications).map(|_| BatchEntry::Notification(text(100))).collect();
        BatchText::number(entries, || 0)
    }

    fn items(items: u64) -> Totals {
        Totals { items, bytes: 1 << 20 }
    }

    #[test]
    fn broadcasts_without_credit_are_held_and_sent_when_there_is_some() {
        let (mut notifications, mut queue) = (Notifications::new(true), WriteQueue::new(1 << 20));
        notifications.broadcast(text(100), &mut queue);
        assert_eq!((notifications.left(), queue.text_bytes()), (1023, 100));
        (0..1023).for_each(|_| notifications.spend(&text(100)));
        assert!(notifications.left() == 0 && !notifications.may_send(&text(1)));

        [100, 50, 30].into_iter().for_each(|bytes| notifications.broadcast(text(bytes), &mut queue));
        assert_eq!((notifications.held_bytes(), queue.text_bytes()), (180 + 3 * HELD_OVERHEAD, 100));
        assert!(notifications.allow(items(1025), &mut queue));
        assert_eq!((notifications.held_bytes(), queue.text_bytes()), (80 + 2 * HELD_OVERHEAD, 200));
        assert!(!notifications.allow(items(1025), &mut queue) && notifications.left() == 0);
        notifications.drop_held();
        assert!(!notifications.allow(items(1030), &mut queue), "nothing is held");
        assert_eq!((notifications.held_bytes(), notifications.left()), (0, 5));
    }

    #[test]
    fn a_batch_needs_credit_for_all_its_notifications() {
        let mut notifications = Notifications::new(true);
        notifications.spend_batch(&batch(1022));
        assert_eq!(notifications.left(), 2);
        assert!(notifications.may_send_batch(&batch(2)) && !notifications.may_send_batch(&batch(3)));
        notifications.spend_batch(&batch(2));
        assert!(!notifications.may_send_batch(&batch(1)));
        assert!(notifications.may_send_batch(&batch(0)), "it needs none");

        let can_cover = |texts: &[Bytes]| notifications.can_cover(texts.iter());
        assert!(can_cover(&vec![text(1); 1024]) && !can_cover(&vec![text(1); 1025]));
        assert!(can_cover(&[text((1 << 20) - 1), text(9)]) && !can_cover(&[text(1 << 20), text(1)]));
    }

    #[test]
    fn a_peer_of_plain_json_rpc_has_no_credit() {
        let (mut notifications, mut queue) = (Notifications::new(false), WriteQueue::new(1 << 20));
        for _ in 0..2000 {
            notifications.broadcast(text(1), &mut queue);
            notifications.arrive(1).expect("it needs none");
        }
        assert_eq!((notifications.held_bytes(), notifications.left()), (0, usize::MAX));
        assert!(notifications.may_send_batch(&batch(2000)) && notifications.allowed_by_silenced().is_none());
        assert!(notifications.can_cover([text(1)].iter().cycle().take(2000)));
    }
}
