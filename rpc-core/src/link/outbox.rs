//! What waits for its turn on the socket, and who waits for room behind it.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Bytes;
use slab::Slab;

/// What a queued frame costs beyond its bytes.
const FRAME_OVERHEAD: usize = 64;

/// Something that waits for its turn on the socket. One queue for all, so that what a handler sent
/// before it returned goes out before its reply.
pub(crate) enum Outgoing {
    Frame(Bytes),
    Call {
        id: u64,
        frame: Bytes,
    },
    /// A handler that had a task of its own has ended; the text is empty if no reply is due.
    Finished {
        key: usize,
        reply: Vec<u8>,
    },
}

impl Outgoing {
    fn size(&self) -> usize {
        let text = match self {
            Self::Frame(frame) | Self::Call { frame, .. } => frame.len(),
            Self::Finished { reply, .. } => reply.len(),
        };
        FRAME_OVERHEAD + text
    }
}

/// The queue to the socket. Bounded in bytes for calls and notifications, which wait for room. Replies do
/// not wait: `max_open` bounds them, and no new handler starts while the queue is full.
pub(super) struct Outbox {
    queue: VecDeque<Outgoing>,
    bytes: usize,
    limit: usize,
    waiting: Slab<Waker>,
}

impl Outbox {
    pub(super) fn new(limit: usize) -> Self {
        Self { queue: VecDeque::new(), bytes: 0, limit, waiting: Slab::new() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the messages alone.
    pub(super) fn text_bytes(&self) -> usize {
        self.bytes - self.queue.len() * FRAME_OVERHEAD
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= self.limit
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn push(&mut self, outgoing: Outgoing) {
        self.bytes += outgoing.size();
        self.queue.push_back(outgoing);
    }

    /// The next in line and its cost.
    pub(super) fn pop(&mut self) -> Option<(Outgoing, usize)> {
        let outgoing = self.queue.pop_front()?;
        let size = outgoing.size();
        self.bytes -= size;
        Some((outgoing, size))
    }

    /// Whether more may be queued; if not, `waiter` has its place among those who wait. `place` is kept by
    /// the waiter, and given up with [`Outbox::leave`].
    pub(super) fn has_room(&mut self, waiter: &Waker, place: &mut Option<usize>) -> bool {
        if !self.is_full() {
            self.leave(place);
            return true;
        }
        match place.and_then(|place| self.waiting.get_mut(place)) {
            Some(registered) => registered.clone_from(waiter),
            None => *place = Some(self.waiting.insert(waiter.clone())),
        }
        false
    }

    pub(super) fn leave(&mut self, place: &mut Option<usize>) {
        if let Some(place) = place.take() {
            self.waiting.try_remove(place);
        }
    }

    /// Those to be woken because there is room. All are, and look again: who finds none waits on.
    pub(super) fn wakers(&self) -> Vec<Waker> {
        if self.is_full() {
            Vec::new()
        } else {
            self.waiting.iter().map(|(_, waker)| waker.clone()).collect()
        }
    }

    /// Forgets what is queued.
    pub(super) fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.bytes = 0;
    }
}
