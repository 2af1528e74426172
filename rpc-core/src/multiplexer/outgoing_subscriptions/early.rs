//! Notifications that arrive before the reply with the id of their subscription.
//!
//! While a call that subscribes is unanswered, a notification with its method and an unknown id may belong to
//! the new subscription. So it is kept, up to a limit. Those beyond the limit are counted.

use std::collections::VecDeque;

use bytes::Bytes;

use super::subscription::{Entry, MALFORMED, end_of};
use crate::message::{EventContent, Id, SubscriptionEvent};

/// The maximum number of notifications that are kept for a connection.
pub(super) const MAX_ITEMS: usize = 32;

/// The maximum number of bytes of these. The last notification may exceed it, so that a large one can be
/// kept.
pub(super) const MAX_BYTES: usize = 64 << 10;

#[derive(Clone, Debug, Default)]
pub(super) struct Early {
    kept: Vec<Kept>,
    items: usize,
    bytes: usize,
    /// The number of notifications that were dropped and whose ids have no kept ones. While a call waits for
    /// its reply, they may have belonged to its subscription.
    others_missed: u64,
}

/// The early notifications with one method and one id.
#[derive(Clone, Debug)]
struct Kept {
    notify: Box<str>,
    id: Id,
    events: VecDeque<(Entry, usize)>,
    /// The numbers of missing notifications, before those that are kept and after them.
    missed: (u64, u64),
}

impl Early {
    /// Keeps a notification, if there is room. `keep_newest`: if there is none, drops the oldest ones of the
    /// same subscription.
    pub(super) fn keep(&mut self, notify: &str, event: SubscriptionEvent<'_>, keep_newest: bool) {
        let position = self.kept.iter().position(|kept| *kept.notify == *notify && kept.id == event.id);
        // A gap at the end cannot be followed by an item, so this one counts as a part of the gap.
        let gap = match position {
            Some(at) => &mut self.kept[at].missed.1,
            None => &mut self.others_missed,
        };
        if *gap > 0 {
            *gap += 1;
            return;
        }
        let size = event.len();
        while keep_newest
            && !self.has_room()
            && let Some(kept) = position.map(|at| &mut self.kept[at])
            && let Some((_, size)) = kept.events.pop_front()
        {
            kept.missed.0 += 1;
            self.items -= 1;
            self.bytes -= size;
        }
        if !self.has_room() {
            match position {
                // Nothing of it is left, and an entry without notifications would not be limited.
                Some(at) if self.kept[at].events.is_empty() => {
                    self.others_missed += self.kept.swap_remove(at).missed.0 + 1;
                }
                Some(at) => self.kept[at].missed.1 += 1,
                None => self.others_missed += 1,
            }
            return;
        }
        let at = position.unwrap_or_else(|| {
            self.kept.push(Kept {
                notify: notify.into(),
                id: event.id.clone(),
                events: VecDeque::new(),
                missed: (0, 0),
            });
            self.kept.len() - 1
        });
        let kept = &mut self.kept[at];
        let entry = match event.content {
            EventContent::Item(item) => Entry::Item(Bytes::copy_from_slice(item.as_bytes())),
            EventContent::Error(error) => Entry::End(end_of(error)),
            EventContent::Malformed => Entry::End(MALFORMED),
        };
        kept.events.push_back((entry, size));
        self.items += 1;
        self.bytes += size;
    }

    /// Takes the notifications of a subscription, in order. Also returns the numbers of missing ones, before
    /// these and after them.
    pub(super) fn take(&mut self, notify: &str, id: &Id) -> (Vec<Entry>, (u64, u64)) {
        let Some(at) = self.kept.iter().position(|kept| *kept.notify == *notify && kept.id == *id) else {
            // Those that were dropped may have belonged to this subscription.
            return (Vec::new(), (self.others_missed, 0));
        };
        let kept = self.kept.swap_remove(at);
        self.items -= kept.events.len();
        self.bytes -= kept.events.iter().map(|(_, size)| size).sum::<usize>();
        (kept.events.into_iter().map(|(entry, _)| entry).collect(), kept.missed)
    }

    /// Drops the notifications with a method.
    pub(super) fn forget(&mut self, notify: &str) {
        self.kept.retain(|kept| *kept.notify != *notify);
        let events = || self.kept.iter().flat_map(|kept| &kept.events);
        (self.items, self.bytes) = (events().count(), events().map(|(_, size)| size).sum());
    }

    fn has_room(&self) -> bool {
        self.items < MAX_ITEMS && self.bytes < MAX_BYTES
    }

    #[cfg(any(test, feature = "__internals"))]
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.items == 0 && self.bytes == 0
    }

    #[cfg(any(test, feature = "__internals"))]
    pub(super) fn check_bounds(&self, largest: u64) {
        assert!(self.kept.len() <= MAX_ITEMS && self.items <= MAX_ITEMS);
        assert!((self.bytes as u64) < MAX_BYTES as u64 + largest);
    }
}
