//! One subscription: what has come and was not read, and how it has ended.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;

use crate::message::{ErrorCode, ErrorObject, Id, Totals, subscription_error};
use crate::multiplexer::streams::End;

/// How a call subscribes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscribe {
    /// The method of the notifications.
    pub(crate) notify: Arc<str>,
    /// The method that ends the subscription.
    pub(crate) unsubscribe: Arc<str>,
    /// How much may be unread.
    pub(crate) window: Totals,
    /// Past that the oldest items are dropped; else the subscription ends.
    pub(crate) drop_oldest: bool,
}

/// What the consumer of a subscription finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NextUpdate {
    Item(Bytes),
    /// So many items are missing here.
    Missed(u64),
    /// The subscription is gone from the table.
    End(End),
}

/// What is behind what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Item(Bytes),
    Missed(u64),
    End(End),
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Kept,
    /// The peer has ended the subscription.
    Ended,
    /// This side has.
    Overflow,
}

#[derive(Clone, Debug)]
pub(super) struct Subscription<W> {
    subscribe: Subscribe,
    id: Id,
    /// Items, and where some are missing.
    queue: VecDeque<Entry>,
    unread: Totals,
    end: Option<End>,
    waker: Option<W>,
}

impl<W> Subscription<W> {
    pub(super) fn new(subscribe: Subscribe, id: Id) -> Self {
        Self { subscribe, id, queue: VecDeque::new(), unread: Totals::default(), end: None, waker: None }
    }

    pub(super) fn subscribe(&self) -> &Subscribe {
        &self.subscribe
    }

    pub(super) fn id(&self) -> &Id {
        &self.id
    }

    /// The bytes of items that were not read.
    pub(super) fn unread(&self) -> u64 {
        self.unread.bytes
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    pub(super) fn has_next(&self) -> bool {
        !self.queue.is_empty() || self.has_ended()
    }

    /// Takes what came before the reply: events, of which some are missing before these and after them.
    pub(super) fn begin(&mut self, early: Vec<Entry>, missed: (u64, u64)) -> Pushed {
        // Those that were kept come first; where the oldest are not to be dropped, none is missing before
        // one that was kept.
        self.note_gap(missed.0);
        for entry in early {
            match entry {
                Entry::Item(item) => self.put(item),
                Entry::Missed(missed) => self.note_gap(missed),
                Entry::End(end) if end == MALFORMED => return self.end_undecodable(),
                Entry::End(end) => return self.end(end),
            }
        }
        self.note_gap(missed.1);
        if self.subscribe.drop_oldest || missed == (0, 0) {
            return Pushed::Kept;
        }
        self.queue.retain(|entry| matches!(entry, Entry::Item(_)));
        self.end(End::Lagged { missed: missed.0 + missed.1 });
        Pushed::Overflow
    }

    /// Adds an item. `most`: how many bytes the connection lets it hold.
    pub(super) fn push(&mut self, item: &[u8], most: u64) -> Pushed {
        if self.has_ended() {
            return Pushed::Kept;
        }
        if self.has_room(most) {
            self.put(Bytes::copy_from_slice(item));
            return Pushed::Kept;
        }
        if !self.subscribe.drop_oldest {
            self.end(End::Lagged { missed: 1 });
            return Pushed::Overflow;
        }
        let mut missed = 0;
        while !self.has_room(most)
            && let Some(oldest) = self.queue.pop_front()
        {
            match oldest {
                Entry::Missed(earlier) => missed += earlier,
                Entry::Item(item) => {
                    self.take(&item);
                    missed += 1;
                }
                Entry::End(_) => {}
            }
        }
        if self.has_room(most) {
            self.put(Bytes::copy_from_slice(item));
        } else {
            missed += 1;
        }
        match self.queue.front_mut() {
            Some(Entry::Missed(later)) => *later += missed,
            _ => self.queue.push_front(Entry::Missed(missed)),
        }
        Pushed::Kept
    }

    /// Ends it, behind what has come. The first end stands.
    pub(super) fn end(&mut self, end: End) -> Pushed {
        self.end.get_or_insert(end);
        Pushed::Ended
    }

    /// A notification of it has neither an item nor an error.
    pub(super) fn end_undecodable(&mut self) -> Pushed {
        self.end(MALFORMED);
        Pushed::Overflow
    }

    /// Ends it without what has come.
    pub(super) fn cancel(&mut self) {
        self.queue.clear();
        self.unread = Totals::default();
        self.end(End::Cancelled);
    }

    /// An item came after the one that was too many.
    pub(super) fn note_missed(&mut self) {
        if let Some(End::Lagged { missed }) = &mut self.end {
            *missed += 1;
        }
    }

    pub(super) fn take_waker(&mut self) -> Option<W> {
        self.waker.take()
    }

    /// The next item, or the end. While there is none, `waker` is taken, and the one before it is given back
    /// in its place.
    pub(super) fn poll_next(&mut self, waker: &mut Option<W>) -> Poll<NextUpdate> {
        match self.queue.pop_front() {
            Some(Entry::Item(item)) => {
                self.take(&item);
                return Poll::Ready(NextUpdate::Item(item));
            }
            Some(Entry::Missed(missed)) => return Poll::Ready(NextUpdate::Missed(missed)),
            Some(Entry::End(_)) | None => {}
        }
        match self.end.take() {
            Some(end) => Poll::Ready(NextUpdate::End(end)),
            None => {
                std::mem::swap(&mut self.waker, waker);
                Poll::Pending
            }
        }
    }

    /// Whether an item fits: the last may overshoot in bytes, so that each fits at all.
    fn has_room(&self, most: u64) -> bool {
        let window = self.subscribe.window;
        self.unread.items < window.items.max(1) && self.unread.bytes < window.bytes.max(1).min(most)
    }

    fn put(&mut self, item: Bytes) {
        self.unread.items += 1;
        self.unread.bytes += item.len() as u64;
        self.queue.push_back(Entry::Item(item));
    }

    fn take(&mut self, item: &Bytes) {
        self.unread.items -= 1;
        self.unread.bytes -= item.len() as u64;
    }

    fn note_gap(&mut self, missed: u64) {
        if missed > 0 {
            self.queue.push_back(Entry::Missed(missed));
        }
    }
}

/// What `params.error` of a notification means.
pub(super) fn end_of(text: &str) -> End {
    let error = subscription_error(text);
    match is_lagged(&error) {
        true => End::of_error(error),
        false => End::Error(Box::new(error)),
    }
}

/// The end of a subscription whose peer has sent something else than an item or an error.
pub(super) const MALFORMED: End =
    End::Undecodable("a notification of the subscription has neither `result` nor `error`, or both");

/// Whether the producer says that it has lost items: its code alone may mean anything at other peers.
fn is_lagged(error: &ErrorObject) -> bool {
    #[derive(serde::Deserialize)]
    struct Data {
        kind: String,
    }
    error.framework_code() == Some(ErrorCode::Lagged)
        && error.data::<Data>().is_some_and(|data| data.kind == "lagged")
}
