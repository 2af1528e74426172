//! Notifications that arrive before the reply with the id of their subscription.
//!
//! While a call that subscribes is unanswered, a notification with its method and an unknown id may belong to
//! the new subscription. So it is kept, up to a limit. Items beyond the limit are counted. The end of a
//! subscription is kept also if there is no room, since its consumer would wait for ever without it.

use std::collections::VecDeque;

use bytes::Bytes;

use super::subscription::{Arrived, MALFORMED, end_of};
use crate::excerpt::excerpt;
use crate::message::{ErrorObject, EventContent, Id, SubscriptionEvent};
use crate::multiplexer::streams::End;

/// The maximum number of notifications that are kept for a connection.
pub(super) const MAX_ITEMS: usize = 32;

/// The maximum number of bytes of these. The last notification may exceed it, so that a large one can be
/// kept.
pub(super) const MAX_BYTES: usize = 64 << 10;

/// The number of characters of an error's message that are kept if there is no room.
const MAX_MESSAGE: usize = 200;

#[derive(Clone, Debug, Default)]
pub(super) struct Early {
    kept: Vec<Kept>,
    /// At most one for each method for whose notifications a call waits.
    lost: Vec<Lost>,
    items: usize,
    bytes: usize,
}

/// The early notifications with one method and one id.
#[derive(Clone, Debug)]
struct Kept {
    notify: Box<str>,
    id: Id,
    arrived: Arrived,
    /// The sizes of the items, and of the end if there was room for it.
    sizes: VecDeque<usize>,
}

/// The notifications with one method that were dropped and whose ids have no kept ones. They may have
/// belonged to any of the subscriptions that open.
#[derive(Clone, Debug)]
struct Lost {
    notify: Box<str>,
    number: u64,
    /// Whether one of them ended its subscription.
    has_end: bool,
}

impl Early {
    /// Keeps a notification, if there is room. `keep_newest`: if there is none, drops the oldest items of the
    /// same subscription.
    pub(super) fn keep(&mut self, notify: &str, event: SubscriptionEvent<'_>, keep_newest: bool) {
        let size = event.len();
        let position = self.kept.iter().position(|kept| *kept.notify == *notify && kept.id == event.id);
        match event.content {
            EventContent::Item(item) => self.keep_item(notify, event.id, position, (item, size), keep_newest),
            EventContent::Error(error) => self.keep_end(notify, event.id, position, (end_of(error), size)),
            EventContent::Malformed => self.keep_end(notify, event.id, position, (MALFORMED, size)),
        }
    }

    fn keep_item(
        &mut self,
        notify: &str,
        id: Id,
        position: Option<usize>,
        (item, size): (&str, usize),
        keep_newest: bool,
    ) {
        // An item behind dropped ones is dropped too, so that what is missing is in one place.
        let Some(at) = position else {
            if self.has_lost(notify) || !self.has_room() {
                return self.lose(notify, 1, false);
            }
            let arrived =
                Arrived { items: [Bytes::copy_from_slice(item.as_bytes())].into(), ..Arrived::default() };
            return self.insert(notify, id, arrived, size);
        };
        let kept = &mut self.kept[at];
        if kept.arrived.end.is_some() {
            return;
        }
        if kept.arrived.missed.1 > 0 {
            kept.arrived.missed.1 += 1;
            return;
        }
        while keep_newest && !self.has_room() && self.drop_oldest(at) {}
        if self.has_room() {
            let kept = &mut self.kept[at];
            kept.arrived.items.push_back(Bytes::copy_from_slice(item.as_bytes()));
            kept.sizes.push_back(size);
            self.count(size);
        } else if self.kept[at].arrived.items.is_empty() {
            // Nothing of it is left, and an entry without notifications would not be limited.
            let missed = self.kept.swap_remove(at).arrived.missed.0;
            self.lose(notify, missed + 1, false);
        } else {
            self.kept[at].arrived.missed.1 += 1;
        }
    }

    fn keep_end(&mut self, notify: &str, id: Id, position: Option<usize>, (end, size): (End, usize)) {
        let has_room = self.has_room();
        let Some(at) = position else {
            if self.has_lost(notify) || !has_room {
                return self.lose(notify, 1, true);
            }
            let arrived = Arrived { end: Some(end), ..Arrived::default() };
            return self.insert(notify, id, arrived, size);
        };
        let kept = &mut self.kept[at];
        if kept.arrived.end.is_some() {
            return;
        }
        if has_room {
            kept.arrived.end = Some(end);
            kept.sizes.push_back(size);
            self.count(size);
        } else {
            kept.arrived.end = Some(brief(end));
        }
    }

    /// Takes what has arrived of a subscription.
    pub(super) fn take(&mut self, notify: &str, id: &Id) -> Arrived {
        let position = self.kept.iter().position(|kept| *kept.notify == *notify && kept.id == *id);
        if let Some(at) = position {
            let kept = self.kept.swap_remove(at);
            self.items -= kept.sizes.len();
            self.bytes -= kept.sizes.iter().sum::<usize>();
            return kept.arrived;
        }
        // Those that were dropped may have belonged to this subscription.
        match self.lost.iter().find(|lost| *lost.notify == *notify) {
            Some(lost) => {
                Arrived { missed: (lost.number, 0), may_have_ended: lost.has_end, ..Arrived::default() }
            }
            None => Arrived::default(),
        }
    }

    /// Drops the notifications with a method.
    pub(super) fn forget(&mut self, notify: &str) {
        self.kept.retain(|kept| *kept.notify != *notify);
        self.lost.retain(|lost| *lost.notify != *notify);
        let sizes = || self.kept.iter().flat_map(|kept| &kept.sizes);
        (self.items, self.bytes) = (sizes().count(), sizes().sum());
    }

    fn insert(&mut self, notify: &str, id: Id, arrived: Arrived, size: usize) {
        self.kept.push(Kept { notify: notify.into(), id, arrived, sizes: [size].into() });
        self.count(size);
    }

    fn count(&mut self, size: usize) {
        self.items += 1;
        self.bytes += size;
    }

    /// Drops the oldest item of an entry. Returns `false` if it has none.
    fn drop_oldest(&mut self, at: usize) -> bool {
        let kept = &mut self.kept[at];
        let (Some(_), Some(size)) = (kept.arrived.items.pop_front(), kept.sizes.pop_front()) else {
            return false;
        };
        kept.arrived.missed.0 += 1;
        self.items -= 1;
        self.bytes -= size;
        true
    }

    fn has_lost(&self, notify: &str) -> bool {
        self.lost.iter().any(|lost| *lost.notify == *notify)
    }

    /// Counts notifications that were dropped and whose id has no kept ones.
    fn lose(&mut self, notify: &str, number: u64, has_end: bool) {
        match self.lost.iter_mut().find(|lost| *lost.notify == *notify) {
            Some(lost) => {
                lost.number += number;
                lost.has_end |= has_end;
            }
            None => self.lost.push(Lost { notify: notify.into(), number, has_end }),
        }
    }

    fn has_room(&self) -> bool {
        self.items < MAX_ITEMS && self.bytes < MAX_BYTES
    }

    #[cfg(any(test, feature = "__internals"))]
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.lost.is_empty() && self.items == 0 && self.bytes == 0
    }

    #[cfg(any(test, feature = "__internals"))]
    pub(super) fn check_bounds(&self, largest: u64) {
        assert!(self.kept.len() <= MAX_ITEMS && self.items <= MAX_ITEMS);
        assert!((self.bytes as u64) < MAX_BYTES as u64 + largest);
        let sizes = || self.kept.iter().flat_map(|kept| &kept.sizes);
        assert_eq!((sizes().count(), sizes().sum()), (self.items, self.bytes));
        assert!(self.kept.iter().all(|kept| !kept.sizes.is_empty()), "each entry is limited");
    }
}

/// An end for which there is no room: an error is without data, and its message may be cut.
fn brief(end: End) -> End {
    match end {
        End::Error(error) => {
            End::Error(Box::new(ErrorObject::new(error.code(), excerpt(error.message(), MAX_MESSAGE))))
        }
        end => end,
    }
}
