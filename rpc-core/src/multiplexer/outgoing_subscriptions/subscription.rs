//! One subscription: its unread items, and how it has ended.

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
    /// The maximum number and size of unread items.
    pub(crate) window: Totals,
    /// Whether the oldest items are dropped when that is exceeded. Otherwise the subscription ends.
    pub(crate) drop_oldest: bool,
}

/// The next part of a subscription for its consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NextUpdate {
    Item(Bytes),
    /// The number of items that are missing here.
    Missed(u64),
    /// The end. The subscription is removed from the table.
    End(End),
}

/// An entry of the queue of unread items.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Item(Bytes),
    Missed(u64),
}

/// What has arrived of one subscription before its reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arrived {
    pub(super) items: VecDeque<Bytes>,
    /// The numbers of missing notifications, before the items and after them.
    pub(super) missed: (u64, u64),
    pub(super) end: Option<End>,
    /// Whether one of the missing notifications may have been the end.
    pub(super) may_have_ended: bool,
}

/// The result of handling an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Kept,
    /// The peer has ended the subscription.
    Ended,
    /// This side must end the subscription.
    Overflow,
}

#[derive(Clone, Debug)]
pub(super) struct Subscription<W> {
    subscribe: Subscribe,
    id: Id,
    /// The unread items, with marks where some are missing.
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

    /// The number of unread bytes.
    pub(super) fn unread(&self) -> u64 {
        self.unread.bytes
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    pub(super) fn has_next(&self) -> bool {
        !self.queue.is_empty() || self.has_ended()
    }

    /// Adds what arrived before the reply.
    pub(super) fn begin(&mut self, early: Arrived) -> Pushed {
        let missed = early.missed.0 + early.missed.1;
        if early.may_have_ended || (missed > 0 && !self.subscribe.drop_oldest) {
            // Without `drop_oldest`, none is missing before one that was kept.
            early.items.into_iter().for_each(|item| self.put(item));
            self.end(End::Lagged { missed });
            let is_over = early.end.is_some_and(|end| end != MALFORMED);
            return if is_over { Pushed::Ended } else { Pushed::Overflow };
        }
        self.note_gap(early.missed.0);
        early.items.into_iter().for_each(|item| self.put(item));
        self.note_gap(early.missed.1);
        match early.end {
            None => Pushed::Kept,
            Some(end) if end == MALFORMED => self.end_undecodable(),
            Some(end) => self.end(end),
        }
    }

    /// Adds an item. `most`: the maximum number of bytes for this subscription.
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

    /// Ends the subscription after the items that have arrived. Only the first end has an effect.
    pub(super) fn end(&mut self, end: End) -> Pushed {
        self.end.get_or_insert(end);
        Pushed::Ended
    }

    /// Ends the subscription because a notification has neither an item nor an error.
    pub(super) fn end_undecodable(&mut self) -> Pushed {
        self.end(MALFORMED);
        Pushed::Overflow
    }

    /// Ends the subscription, and drops the items that have arrived.
    pub(super) fn cancel(&mut self) {
        self.queue.clear();
        self.unread = Totals::default();
        self.end(End::Cancelled);
    }

    /// Counts an item that arrives after the end because of lost items.
    pub(super) fn note_missed(&mut self) {
        if let Some(End::Lagged { missed }) = &mut self.end {
            *missed += 1;
        }
    }

    pub(super) fn take_waker(&mut self) -> Option<W> {
        self.waker.take()
    }

    /// The next item or the end. If there is none, registers the waker in `waker`, and leaves the one that
    /// was registered before there.
    pub(super) fn poll_next(&mut self, waker: &mut Option<W>) -> Poll<NextUpdate> {
        match self.queue.pop_front() {
            Some(Entry::Item(item)) => {
                self.take(&item);
                return Poll::Ready(NextUpdate::Item(item));
            }
            Some(Entry::Missed(missed)) => return Poll::Ready(NextUpdate::Missed(missed)),
            None => {}
        }
        match self.end.take() {
            Some(end) => Poll::Ready(NextUpdate::End(end)),
            None => {
                std::mem::swap(&mut self.waker, waker);
                Poll::Pending
            }
        }
    }

    /// Whether there is room for an item. The last one may exceed the bytes, so that every item fits.
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

/// Converts `params.error` of a notification.
pub(super) fn end_of(text: &str) -> End {
    let error = subscription_error(text);
    match is_lagged(&error) {
        true => End::of_error(error),
        false => End::Error(Box::new(error)),
    }
}

/// The end of a subscription after a notification with neither an item nor an error.
pub(super) const MALFORMED: End =
    End::Undecodable("a notification of the subscription has neither `result` nor `error`, or both");

/// Whether the error says that items are lost. The code alone is not enough, since other peers may use it for
/// something else.
fn is_lagged(error: &ErrorObject) -> bool {
    #[derive(serde::Deserialize)]
    struct Data {
        kind: String,
    }
    error.framework_code() == Some(ErrorCode::Lagged)
        && error.data::<Data>().is_some_and(|data| data.kind == "lagged")
}
