//! What waits for its turn on the socket, and who waits for room behind it.

use std::collections::{BTreeMap, VecDeque};
use std::task::{Poll, Waker};

use bytes::Bytes;

use crate::message::{BatchText, RequestText};

/// What a queued frame costs beyond its bytes.
const FRAME_OVERHEAD: usize = 64;

/// Something that waits for its turn on the socket. One queue for all, so that what a handler sent
/// before it returned goes out before its reply.
pub(crate) enum QueuedFrame {
    /// A notification or a cancel: some peers answer it with an error whose id is null.
    Frame(Bytes),
    /// A reply that had to wait.
    Reply(Bytes),
    /// Its id is written into it when its turn has come, and not under the lock.
    Call {
        id: u64,
        frame: RequestText,
    },
    Batch(BatchText),
    /// A handler that had a task of its own has ended; the text is empty if no reply is due.
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
            Self::Finished { reply, .. } => reply.len(),
        };
        FRAME_OVERHEAD + text
    }
}

/// The queue to the socket. Bounded in bytes for calls and notifications, which wait for room. Replies do
/// not wait: no new handler starts while the queue is full, and past twice the limit those that run are
/// paused.
pub(super) struct WriteQueue {
    queue: VecDeque<QueuedFrame>,
    bytes: usize,
    limit: usize,
    /// Who waits for room, by ticket: in order of arrival.
    waiting: BTreeMap<u64, Waker>,
    next_ticket: u64,
    /// Handlers that are not polled until there is room, by their keys in the table of calls served.
    paused: BTreeMap<usize, Waker>,
}

/// As many as are woken at once when there is room; each that goes wakes the next.
const WAKE_AT_ONCE: usize = 64;

/// A place among those who wait for room.
pub(crate) type Ticket = u64;

/// Wakers on their way into the queue, and out of it: cloned before its lock is taken, and dropped behind it.
#[derive(Default)]
pub(super) struct Spare {
    new: Option<Waker>,
    old: Option<Waker>,
}

impl Spare {
    /// With the waker of who waits if there is no room.
    pub(super) fn with(waiter: Waker) -> Self {
        Self { new: Some(waiter), old: None }
    }
}

/// What is left of a place that was given up.
#[derive(Default)]
pub(super) struct Left {
    /// Who waited there; to be dropped outside of the lock.
    waker: Option<Waker>,
    others_wait: bool,
}

impl Left {
    /// Whether others wait, who may go instead.
    pub(super) fn others_wait(&self) -> bool {
        self.others_wait
    }
}

impl WriteQueue {
    pub(super) fn new(limit: usize) -> Self {
        // With no room at all nothing could ever be sent.
        let limit = limit.max(1);
        Self {
            queue: VecDeque::new(),
            bytes: 0,
            limit,
            waiting: BTreeMap::new(),
            next_ticket: 0,
            paused: BTreeMap::new(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the messages alone.
    pub(super) fn text_bytes(&self) -> usize {
        self.bytes - self.queue.len() * FRAME_OVERHEAD
    }

    /// Gives back the memory of what was queued.
    pub(super) fn shrink(&mut self) {
        self.queue.shrink_to_fit();
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= self.limit
    }

    /// At twice the limit even producers that never wait are paused: broadcasts, and handlers that were
    /// already running when the queue became full.
    pub(super) fn is_overfull(&self) -> bool {
        self.bytes / 2 >= self.limit
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn push(&mut self, outgoing: QueuedFrame) {
        self.bytes += outgoing.size();
        self.queue.push_back(outgoing);
    }

    /// The next in line and its cost.
    pub(super) fn pop(&mut self) -> Option<(QueuedFrame, usize)> {
        let outgoing = self.queue.pop_front()?;
        let size = outgoing.size();
        self.bytes -= size;
        Some((outgoing, size))
    }

    /// Whether more may be queued; if not, the waker in `waker` has its place among those who wait. The
    /// ticket is kept by the waiter, and given back with [`WriteQueue::leave`]. What is in `waker` then is to
    /// be dropped outside of the lock, as the executor's code may run then.
    pub(super) fn has_room(&mut self, waker: &mut Spare, ticket: &mut Option<Ticket>) -> bool {
        if !self.is_full() {
            waker.old = self.leave(ticket).waker;
            return true;
        }
        let next = &mut self.next_ticket;
        let ticket = *ticket.get_or_insert_with(|| {
            *next += 1;
            *next
        });
        debug_assert!(waker.new.is_some(), "there is one where the queue is full");
        waker.old = waker.new.take().and_then(|new| self.waiting.insert(ticket, new));
        false
    }

    /// Whether the handler with this key may go on; if not, `waker` is woken when there is room. Gives what
    /// is to be dropped outside of the lock.
    pub(super) fn poll_room(&mut self, key: usize, waker: Waker) -> (Poll<()>, Option<Waker>) {
        if !self.is_overfull() {
            return (Poll::Ready(()), Some(waker));
        }
        (Poll::Pending, self.paused.insert(key, waker))
    }

    /// Gives up a place among those who wait.
    pub(super) fn leave(&mut self, ticket: &mut Option<Ticket>) -> Left {
        let Some(ticket) = ticket.take() else { return Left::default() };
        let waker = self.waiting.remove(&ticket);
        Left { waker, others_wait: !self.waiting.is_empty() }
    }

    /// Handlers that are paused, and the first who wait, if there is room. They look again, and who finds
    /// none waits on where it was.
    pub(super) fn take_waiters(&mut self) -> Vec<Waker> {
        // Asked in each turn, when there is seldom anybody.
        if self.is_full() || (self.paused.is_empty() && self.waiting.is_empty()) {
            return Vec::new();
        }
        let paused = std::mem::take(&mut self.paused).into_values();
        let waiting = std::iter::from_fn(|| self.waiting.pop_first()).map(|(_, waker)| waker);
        paused.chain(waiting.take(WAKE_AT_ONCE)).collect()
    }

    /// Empties the queue; gives what was in it.
    pub(super) fn clear(&mut self) -> VecDeque<QueuedFrame> {
        self.bytes = 0;
        std::mem::take(&mut self.queue)
    }

    /// Gives all who wait.
    pub(super) fn take_all_waiters(&mut self) -> impl Iterator<Item = Waker> + use<> {
        let paused = std::mem::take(&mut self.paused).into_values();
        std::mem::take(&mut self.waiting).into_values().chain(paused)
    }
}
