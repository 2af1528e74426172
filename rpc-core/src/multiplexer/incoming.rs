//! The table of incoming calls.

use std::collections::HashMap;

use bytes::Bytes;
use slab::Slab;

use super::streams::Key as StreamKey;
use super::wait_queue::{WaitQueue, WaitTicket};
use crate::config::Limits;
use crate::message::{BatchReplies, Id};

/// The incoming calls that are open: parked until their turn, or running. `C` is the handle of a call, `P` is
/// what starts a parked call.
///
/// Calls run concurrently, except that only one ordered call runs at a time. A request whose handler is ready
/// at its first poll is never in this table: it is answered before the next one is read.
/// whose handler is ready at once never comes here; it is answered before the next is read.
pub(crate) struct IncomingCalls<C, P> {
    calls: Slab<Entry<C, P>>,
    /// Requests by id: a second request with the same id is refused, and a cancel finds its request.
    by_id: HashMap<Id, usize>,
    waiting: WaitQueue,
    batches: Slab<Batch>,
    /// The size of the replies that wait in batches for the other replies of their batch, in bytes.
    batch_bytes: usize,
}

struct Entry<C, P> {
    call: C,
    /// Set while the call waits for its turn.
    parked: Option<(WaitTicket, P)>,
    /// How often the call has been found open.
    seen: u8,
}

/// An incoming batch while it is answered.
struct Batch {
    replies: BatchReplies,
    /// The subscriptions whose ids are among the replies.
    subscriptions: Vec<StreamKey>,
}

/// What the table needs to know about a call.
pub(crate) trait IncomingCall {
    /// `None` for a notification.
    fn id(&self) -> Option<&Id>;
    /// The batch that waits for the call's reply.
    fn reply_batch(&self) -> Option<usize>;
    /// Whether its method is ordered.
    fn is_ordered(&self) -> bool;
    /// The subscription whose id is in its reply.
    fn subscription(&self, _reply: &[u8]) -> Option<StreamKey> {
        None
    }
}

/// The decision about a new call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Run,
    Park,
    /// A limit is exceeded: answer with −32005.
    Refuse,
}

/// The load of the connection, as far as the table does not know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// The number of handlers that await calls of their own. They hold no slot meanwhile.
    pub(crate) waiting: usize,
    /// The number of open calls whose results are streams that are open. They hold no slot either, and their
    /// own limit bounds them.
    pub(crate) producing: usize,
    /// Whether the queue to the peer is over its limit.
    pub(crate) congested: bool,
}

/// Where a reply goes.
#[derive(Debug)]
pub(crate) enum Due {
    /// Into a frame of its own.
    Frame,
    /// Into a frame of its own, behind which this subscription begins.
    FrameOf(StreamKey),
    /// Into a batch that has other open entries.
    Later,
    /// It was the last reply of its batch; this is the whole array, behind which these subscriptions begin.
    Batch(Bytes, Vec<StreamKey>),
    /// There is no reply.
    Nothing,
}

impl Due {
    /// The text that is sent now, if any is.
    pub(crate) fn text(&self, reply: impl FnOnce() -> Bytes) -> Option<Bytes> {
        match self {
            Self::Frame | Self::FrameOf(_) => Some(reply()),
            Self::Batch(array, _) => Some(array.clone()),
            Self::Later | Self::Nothing => None,
        }
    }
}

impl<C: IncomingCall, P> IncomingCalls<C, P> {
    pub(crate) fn new() -> Self {
        Self {
            calls: Slab::new(),
            by_id: HashMap::new(),
            waiting: WaitQueue::default(),
            batches: Slab::new(),
            batch_bytes: 0,
        }
    }

    /// The number of open calls.
    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    /// The number of waiting calls to which the limits apply, and their size in bytes.
    pub(crate) fn waiting_size(&self) -> (usize, usize) {
        (self.waiting.limited(), self.waiting.bytes())
    }

    /// The number of calls whose handlers have started.
    pub(crate) fn running_len(&self) -> usize {
        self.calls.len() - self.waiting.len()
    }

    /// Whether `max_open` calls are open. Calls that wait outside of the limits do not count, nor do those
    /// whose results are open streams.
    #[inline]
    pub(crate) fn is_full(&self, load: Load, limits: &Limits) -> bool {
        let running = || self.running_len().saturating_sub(load.producing);
        let is_full = || running() + self.waiting.limited() >= limits.max_open;
        // The first condition is cheap, and usually false.
        self.calls.len() >= limits.max_open && is_full()
    }

    /// Whether a request with this id is open. Null ids are never entered.
    pub(crate) fn is_open(&self, id: &Id) -> bool {
        !self.by_id.is_empty() && self.by_id.contains_key(id)
    }

    /// Decides on a call whose params have `bytes` bytes.
    #[inline]
    pub(crate) fn admit(&self, ordered: bool, bytes: usize, load: Load, limits: &Limits) -> Admission {
        if self.may_run(ordered, load, limits) && !self.is_full(load, limits) {
            Admission::Run
        } else {
            self.admit_later(bytes, load, limits)
        }
    }

    /// Decides on a call that is never refused, since something else limits the number of such calls.
    pub(crate) fn admit_unlimited(&self, ordered: bool, load: Load, limits: &Limits) -> Admission {
        if self.may_run(ordered, load, limits) { Admission::Run } else { Admission::Park }
    }

    /// Whether a call may run now. Calls that arrived earlier start earlier.
    #[inline]
    fn may_run(&self, ordered: bool, load: Load, limits: &Limits) -> bool {
        !self.waiting.is_behind(ordered) && self.has_slot(load, limits)
    }

    /// Decides on a call that cannot run yet.
    pub(crate) fn admit_later(&self, bytes: usize, load: Load, limits: &Limits) -> Admission {
        let fits = !self.is_full(load, limits)
            && self.waiting.limited() < limits.max_in_flight
            && self.waiting.bytes() + bytes <= limits.max_parked_bytes;
        if fits { Admission::Park } else { Admission::Refuse }
    }

    /// The limit because of which a call is refused.
    pub(crate) fn why_refused(&self, load: Load, limits: &Limits) -> String {
        if self.is_full(load, limits) {
            format!("{} calls are open (`max_open`)", limits.max_open)
        } else if self.waiting.limited() >= limits.max_in_flight {
            let many = limits.max_in_flight;
            format!("{many} calls are waiting (`max_in_flight`); send more when replies have arrived")
        } else {
            let most = limits.max_parked_bytes;
            format!("the params of waiting calls exceed {most} bytes (`max_parked_bytes`)")
        }
    }

    fn has_slot(&self, load: Load, limits: &Limits) -> bool {
        let running = self.running_len().saturating_sub(load.waiting);
        running < limits.max_in_flight && !load.congested
    }

    /// Enters a running call.
    pub(crate) fn insert(&mut self, call: C) -> usize {
        self.waiting.begin(call.is_ordered());
        self.enter(Entry { call, parked: None, seen: 0 })
    }

    /// Enters a call that waits for its turn, and returns its key. `bytes` is its size; `None` if the limits
    /// do not apply to it.
    pub(crate) fn park(&mut self, call: C, start: P, bytes: Option<usize>) -> usize {
        let ticket = self.waiting.enter(self.calls.vacant_key(), call.is_ordered(), bytes);
        self.enter(Entry { call, parked: Some((ticket, start)), seen: 0 })
    }

    fn enter(&mut self, entry: Entry<C, P>) -> usize {
        let key = self.calls.vacant_key();
        if let Some(id) = entry.call.id().filter(|id| !id.is_null()) {
            self.by_id.insert(id.clone(), key);
        }
        self.calls.insert(entry)
    }

    /// The next parked call that may run, if there is a slot for it.
    pub(crate) fn next_parked(&self, load: Load, limits: &Limits) -> Option<usize> {
        self.waiting.next().filter(|_| self.has_slot(load, limits))
    }

    /// Marks a parked call as running. Returns what starts it.
    pub(crate) fn unpark(&mut self, key: usize) -> Option<P> {
        let entry = self.calls.get_mut(key)?;
        let (ticket, start) = entry.parked.take()?;
        self.waiting.leave(ticket);
        self.waiting.begin(entry.call.is_ordered());
        Some(start)
    }

    /// An open call.
    pub(crate) fn get(&self, key: usize) -> Option<&C> {
        self.calls.get(key).map(|entry| &entry.call)
    }

    /// A call that waits its turn.
    pub(crate) fn waiting(&self, key: usize) -> Option<&C> {
        self.calls.get(key).filter(|entry| entry.parked.is_some()).map(|entry| &entry.call)
    }

    /// The running call with this id, to be cancelled.
    pub(crate) fn running(&self, id: &Id) -> Option<&C> {
        let entry = self.calls.get(*self.by_id.get(id)?)?;
        entry.parked.is_none().then_some(&entry.call)
    }

    /// The open calls, and for each whether it waits for its turn.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&C, bool)> {
        self.calls.iter().map(|(_, entry)| (&entry.call, entry.parked.is_some()))
    }

    /// Counts this look for each open call. Returns the calls that have now been seen `times` times, and for
    /// each whether it waits for its turn.
    pub(crate) fn look(&mut self, times: u8) -> impl Iterator<Item = (&C, bool)> {
        self.calls.iter_mut().filter_map(move |(_, entry)| {
            entry.seen = entry.seen.saturating_add(1);
            (entry.seen == times).then_some((&entry.call, entry.parked.is_some()))
        })
    }

    /// The key of the parked call with this id, to be cancelled.
    pub(crate) fn parked(&self, id: &Id) -> Option<usize> {
        let key = *self.by_id.get(id)?;
        self.calls.get(key)?.parked.as_ref().map(|_| key)
    }

    /// Closes a call. `reply` is the text of its reply; it is empty if the call gets none.
    pub(crate) fn finish(&mut self, key: usize, reply: &[u8]) -> Due {
        let Some(Entry { call, parked, .. }) = self.calls.try_remove(key) else { return Due::Nothing };
        match parked {
            Some((ticket, _)) => self.waiting.leave(ticket),
            None => self.waiting.finish(call.is_ordered()),
        }
        if let Some(id) = call.id() {
            self.by_id.remove(id);
        }
        self.give_back_memory();
        self.due(call.reply_batch(), reply, call.subscription(reply))
    }

    /// Decides where a reply goes, which may be that of a message that was never entered. An empty reply is
    /// not sent, but counts in its batch. `subscription`: the one whose id is in the reply.
    #[inline]
    pub(crate) fn due(&mut self, batch: Option<usize>, reply: &[u8], subscription: Option<StreamKey>) -> Due {
        match (batch, subscription) {
            (None, _) if reply.is_empty() => Due::Nothing,
            (None, None) => Due::Frame,
            (None, Some(key)) => Due::FrameOf(key),
            (Some(batch), subscription) => self.answer_in_batch(batch, reply, subscription),
        }
    }

    fn give_back_memory(&mut self) {
        if self.calls.is_empty() && self.calls.capacity() > 64 {
            self.calls = Slab::new();
            self.by_id = HashMap::new();
        }
    }

    /// Opens a batch. [`IncomingCalls::due`] must be called once for each entry. `limit` is the maximum size
    /// of the reply, in bytes.
    pub(crate) fn open_batch(&mut self, entries: usize, limit: usize) -> usize {
        let replies = BatchReplies::new(entries, limit);
        self.batches.insert(Batch { replies, subscriptions: Vec::new() })
    }

    /// The size of the replies that wait in all batches, in bytes.
    pub(crate) fn batch_bytes(&self) -> usize {
        self.batch_bytes
    }

    /// The minimum size of a batch's reply, in bytes.
    pub(crate) fn batch_len(&self, batch: usize) -> usize {
        self.batches.get(batch).map_or(0, |batch| batch.replies.expected_len())
    }

    /// Whether a batch still waits for other entries after this one has been answered.
    pub(crate) fn batch_waits(&self, batch: usize) -> bool {
        self.batches.get(batch).is_some_and(|batch| batch.replies.due > 1)
    }

    /// Answers one entry of a batch. `reply` is empty for an entry that was not a request.
    fn answer_in_batch(&mut self, key: usize, reply: &[u8], subscription: Option<StreamKey>) -> Due {
        let Some(Batch { replies, subscriptions }) = self.batches.get_mut(key) else {
            return Due::Nothing;
        };
        if !reply.is_empty() {
            replies.push(reply);
            self.batch_bytes += reply.len();
        }
        subscriptions.extend(subscription);
        replies.due -= 1;
        if replies.due > 0 {
            return Due::Later;
        }
        let Batch { replies, subscriptions } = self.batches.remove(key);
        self.batch_bytes -= replies.replies_len();
        replies.finish().map_or(Due::Nothing, |array| Due::Batch(array, subscriptions))
    }

    /// Removes all open calls and returns their handles.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = C> {
        let table = std::mem::replace(self, Self::new());
        table.calls.into_iter().map(|(_, entry)| entry.call)
    }
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;
