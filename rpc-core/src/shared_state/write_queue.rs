//! The queue of messages that wait for the socket, and the tasks that wait for room in it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};

use bytes::Bytes;
use rustc_hash::FxHashMap;

use super::waiters::{Ticket, Waiters};
use crate::message::{BatchText, RequestText};
use crate::multiplexer::StreamKey;

/// The overhead that is counted for each queued frame.
const FRAME_OVERHEAD: usize = 64;

/// An entry of the queue. There is a single queue, so that messages that a handler sends before it returns
/// are sent before its reply.
pub(crate) enum QueuedFrame {
    /// A notification or a cancel. Some peers answer these with an error whose id is null.
    Frame(Bytes),
    /// A reply that had to wait.
    Reply(Bytes),
    /// A request. Its id is written when its turn comes, outside of the lock.
    Call {
        id: u64,
        frame: RequestText,
    },
    Batch(BatchText),
    /// A word with items of a stream. `bytes`: the size of the items.
    Items {
        key: StreamKey,
        bytes: u64,
        text: Bytes,
    },
    /// The place of a report of a call's progress. [`WriteQueue::take_report`] returns the report.
    Report(ReportSlot),
    /// A handler that had its own task has ended. The text is empty if there is no reply.
    Finished {
        key: usize,
        reply: Vec<u8>,
    },
}

impl QueuedFrame {
    fn size(&self) -> usize {
        let text = match self {
            Self::Frame(frame) | Self::Reply(frame) => frame.len(),
            Self::Call { id, frame } => frame.finished_len(*id),
            Self::Batch(batch) => batch.expected_len(),
            Self::Items { text, .. } => text.len(),
            Self::Finished { reply, .. } => reply.len(),
            // The text of the report is counted separately, since it may be replaced.
            Self::Report(_) => 0,
        };
        FRAME_OVERHEAD + text
    }
}

/// The queue to the socket. Its size in bytes is limited for calls and notifications, which wait for room.
/// Replies do not wait: instead, no new handler starts while the queue is full, and at twice the limit the
/// running handlers are paused.
pub(super) struct WriteQueue {
    queue: VecDeque<QueuedFrame>,
    bytes: usize,
    limit: usize,
    waiters: Waiters,
    /// The newest unsent report of each slot that has one in the queue; `None` if nothing reports.
    reports: Option<Box<FxHashMap<ReportSlot, Bytes>>>,
}

/// Identifies a place in the queue for reports of one call. It holds only the newest unsent one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ReportSlot(u64);

impl ReportSlot {
    /// A slot that no other call in this process has.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Wakers that are moved into the queue and out of it. They are cloned before the lock is taken and dropped
/// after it is released.
#[derive(Default)]
pub(super) struct Spare {
    new: Option<Waker>,
    old: Option<Waker>,
}

impl Spare {
    /// Creates a value with the waker that waits if there is no room.
    pub(super) fn with(waiter: Waker) -> Self {
        Self { new: Some(waiter), old: None }
    }
}

/// The result of leaving the line.
#[derive(Default)]
pub(super) struct Left {
    /// The waker of the task that waited, to be dropped outside of the lock.
    waker: Option<Waker>,
    others_wait: bool,
}

impl Left {
    /// Whether other tasks wait that may use the room instead.
    pub(super) fn others_wait(&self) -> bool {
        self.others_wait
    }
}

impl WriteQueue {
    pub(super) fn new(limit: usize) -> Self {
        // With no room at all, nothing could ever be sent.
        let limit = limit.max(1);
        Self { queue: VecDeque::new(), bytes: 0, limit, waiters: Waiters::default(), reports: None }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The size of the messages alone, in bytes.
    pub(super) fn text_bytes(&self) -> usize {
        self.bytes - self.queue.len() * FRAME_OVERHEAD
    }

    /// Frees the memory of the queue.
    pub(super) fn shrink(&mut self) {
        self.queue.shrink_to_fit();
        self.waiters.shrink();
        self.reports.take_if(|reports| reports.is_empty());
    }

    pub(super) fn is_full(&self) -> bool {
        self.is_full_with(0)
    }

    /// Whether the queue would be full with this many more bytes.
    pub(super) fn is_full_with(&self, bytes: usize) -> bool {
        self.bytes + bytes >= self.limit
    }

    /// At twice the limit even producers that never wait are paused: broadcasts, and handlers that were
    /// already running when the queue became full.
    pub(super) fn is_overfull(&self) -> bool {
        self.is_overfull_with(0)
    }

    /// Whether the queue would be at twice the limit with this many more bytes.
    pub(super) fn is_overfull_with(&self, bytes: usize) -> bool {
        (self.bytes + bytes) / 2 >= self.limit
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn push(&mut self, outgoing: QueuedFrame) {
        self.bytes += outgoing.size();
        self.queue.push_back(outgoing);
    }

    /// Removes the first entry, and returns it with its size.
    pub(super) fn pop(&mut self) -> Option<(QueuedFrame, usize)> {
        let outgoing = self.queue.pop_front()?;
        let size = outgoing.size();
        self.bytes -= size;
        Some((outgoing, size))
    }

    /// Queues a report, or replaces the one of its slot that is still unsent. Returns `false` if it has
    /// replaced one.
    pub(super) fn push_report(&mut self, slot: ReportSlot, text: Bytes) -> bool {
        self.bytes += text.len();
        match self.reports.get_or_insert_default().insert(slot, text) {
            Some(older) => {
                self.bytes -= older.len();
                false
            }
            None => {
                self.push(QueuedFrame::Report(slot));
                true
            }
        }
    }

    /// Takes the report of a slot, when its turn comes or it is no longer to be sent.
    pub(super) fn take_report(&mut self, slot: ReportSlot) -> Option<Bytes> {
        let text = self.reports.as_mut()?.remove(&slot)?;
        self.bytes -= text.len();
        Some(text)
    }

    /// Whether a report of this slot is in the queue.
    pub(super) fn has_report(&self, slot: ReportSlot) -> bool {
        self.reports.as_ref().is_some_and(|reports| reports.contains_key(&slot))
    }

    /// Whether more may be queued. If not, the waker in `waker` joins the line of those who wait. The waiter
    /// keeps the ticket, and returns it with [`WriteQueue::leave`]. What is left in `waker` must be dropped
    /// outside of the lock, since that may run code of the executor.
    pub(super) fn has_room(&mut self, waker: &mut Spare, ticket: &mut Option<Ticket>) -> bool {
        if !self.is_full() {
            waker.old = self.leave(ticket).waker;
            return true;
        }
        debug_assert!(waker.new.is_some(), "there is one where the queue is full");
        waker.old = waker.new.take().and_then(|new| self.waiters.wait_for_room(ticket, new));
        false
    }

    /// Registers the waker in `waker` until there is credit, as [`WriteQueue::has_room`] does until there is
    /// room.
    pub(super) fn wait_for_credit(&mut self, waker: &mut Spare, ticket: &mut Option<Ticket>) {
        debug_assert!(waker.new.is_some(), "there is one where credit is missing");
        waker.old = waker.new.take().and_then(|new| self.waiters.wait_for_credit(ticket, new));
    }

    /// Whether a task waits for credit.
    pub(super) fn lacks_credit(&self) -> bool {
        self.waiters.lack_credit()
    }

    /// Whether the handler with this key may continue. If not, `waker` is woken when there is room. The
    /// returned waker must be dropped outside of the lock.
    pub(super) fn poll_room(&mut self, key: usize, waker: Waker) -> (Poll<()>, Option<Waker>) {
        if !self.is_overfull() {
            return (Poll::Ready(()), Some(waker));
        }
        (Poll::Pending, self.waiters.pause(key, waker))
    }

    /// Leaves the line of those who wait for room.
    pub(super) fn leave(&mut self, ticket: &mut Option<Ticket>) -> Left {
        let Some(ticket) = ticket.take() else { return Left::default() };
        let waker = self.waiters.remove(ticket);
        Left { waker, others_wait: self.waiters.are_in_line() }
    }

    /// If there is room, takes the wakers of those that may continue, as [`Waiters::take`] says.
    pub(super) fn take_waiters(&mut self, credit: usize) -> Vec<Waker> {
        if self.is_full() { Vec::new() } else { self.waiters.take(credit) }
    }

    /// Empties the queue and returns its entries.
    pub(super) fn clear(&mut self) -> VecDeque<QueuedFrame> {
        self.bytes = 0;
        self.reports = None;
        std::mem::take(&mut self.queue)
    }

    /// Takes the wakers of all that wait.
    pub(super) fn take_all_waiters(&mut self) -> impl Iterator<Item = Waker> + use<> {
        self.waiters.take_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_full_at_its_limit_and_overfull_at_twice_the_limit() {
        let mut queue = WriteQueue::new(1000);
        let mut push = |bytes| {
            queue.push(QueuedFrame::Reply(vec![b' '; bytes - FRAME_OVERHEAD].into()));
            (queue.is_full(), queue.is_overfull())
        };
        assert_eq!(push(999), (false, false));
        assert_eq!(push(100), (true, false));
        assert_eq!(push(900), (true, false));
        assert_eq!(push(64), (true, true));
        assert!(queue.poll_room(0, Waker::noop().clone()).0.is_pending());
        queue.pop();
        assert!(queue.is_full() && queue.poll_room(0, Waker::noop().clone()).0.is_ready());
        assert!(!queue.is_overfull_with(935) && queue.is_overfull_with(936));
        assert_eq!((queue.bytes(), queue.text_bytes()), (1064, 1064 - 3 * FRAME_OVERHEAD));
        queue.clear();
        assert!(!queue.is_full_with(999) && queue.is_full_with(1000));
        queue.shrink();
        assert_eq!(queue.queue.capacity(), 0);
    }

    #[test]
    fn who_leaves_the_line_says_whether_others_wait() {
        let mut queue = WriteQueue::new(1);
        queue.push(QueuedFrame::Reply(Bytes::new()));
        let mut tickets = [None; 2];
        for ticket in &mut tickets {
            assert!(!queue.has_room(&mut Spare::with(Waker::noop().clone()), ticket));
        }
        assert_eq!(tickets.each_mut().map(|ticket| queue.leave(ticket).others_wait()), [true, false]);
    }
}

#[cfg(test)]
#[path = "write_queue_model.rs"]
mod model;
