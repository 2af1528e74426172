//! Calls that the peer made and we serve.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use slab::Slab;

use crate::config::Limits;
use crate::message::{Batch, Id};

/// The peer's calls that are open: parked until a slot is free, or running. `C` is the handle on a call,
/// `P` what is needed to start one that was parked.
///
/// A request whose handler is ready at once never comes here; it is answered before the next is read.
pub(crate) struct ServedTable<C, P> {
    calls: Slab<Served<C, P>>,
    /// Requests by id, so that a second one with the same id is refused and a cancel finds the first.
    by_id: HashMap<Id, usize>,
    /// In order of arrival.
    parked: VecDeque<usize>,
    parked_len: usize,
    parked_bytes: usize,
    batches: Slab<Batch>,
    /// Bytes of replies that wait in batches for the others of their batch.
    batch_bytes: usize,
}

struct Served<C, P> {
    call: C,
    /// `None` for a notification.
    id: Option<Id>,
    batch: Option<usize>,
    parked: Option<Parked<P>>,
}

struct Parked<P> {
    start: P,
    bytes: usize,
}

/// What to do with a call that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Run,
    Park,
    /// Past the limits: −32005.
    Refuse,
}

/// How busy the connection is, beyond what the table knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Handlers that await calls of their own and hold no slot meanwhile.
    pub(crate) waiting: usize,
    /// Whether the queue to the peer is past its limit.
    pub(crate) congested: bool,
}

/// Where a reply goes.
#[derive(Debug)]
pub(crate) enum Due {
    /// Into a frame of its own.
    Frame,
    /// Into a batch whose other entries are still open.
    Later,
    /// It was the last of its batch: the whole array.
    Batch(Bytes),
    /// Nothing is due.
    Nothing,
}

impl<C, P> ServedTable<C, P> {
    pub(crate) fn new() -> Self {
        Self {
            calls: Slab::new(),
            by_id: HashMap::new(),
            parked: VecDeque::new(),
            parked_len: 0,
            parked_bytes: 0,
            batches: Slab::new(),
            batch_bytes: 0,
        }
    }

    /// Calls that are open in all.
    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether a request with this id is open. Null is nobody's id.
    pub(crate) fn is_open(&self, id: &Id) -> bool {
        !self.by_id.is_empty() && self.by_id.contains_key(id)
    }

    /// Decides on a call whose params have so many bytes.
    pub(crate) fn admit(&self, bytes: usize, load: Load, limits: &Limits) -> Admission {
        if self.calls.len() >= limits.max_open {
            return Admission::Refuse;
        }
        // Those that came earlier start earlier.
        if self.parked_len == 0 && self.may_start(load, limits) {
            return Admission::Run;
        }
        let fits =
            self.parked_len < limits.max_in_flight && self.parked_bytes + bytes <= limits.max_parked_bytes;
        if fits { Admission::Park } else { Admission::Refuse }
    }

    fn may_start(&self, load: Load, limits: &Limits) -> bool {
        let running = (self.calls.len() - self.parked_len).saturating_sub(load.waiting);
        running < limits.max_in_flight && !load.congested
    }

    /// Enters a call that runs.
    pub(crate) fn insert(&mut self, call: C, id: Option<Id>, batch: Option<usize>) -> usize {
        self.enter(Served { call, id, batch, parked: None })
    }

    /// Enters a call that waits its turn.
    pub(crate) fn park(&mut self, call: C, id: Option<Id>, batch: Option<usize>, start: P, bytes: usize) {
        let key = self.enter(Served { call, id, batch, parked: Some(Parked { start, bytes }) });
        self.parked.push_back(key);
        self.parked_len += 1;
        self.parked_bytes += bytes;
    }

    fn enter(&mut self, served: Served<C, P>) -> usize {
        let key = self.calls.vacant_key();
        if let Some(id) = served.id.as_ref().filter(|id| !id.is_null()) {
            self.by_id.insert(id.clone(), key);
        }
        self.calls.insert(served)
    }

    /// The next parked call, if a slot is free; it runs now.
    pub(crate) fn unpark(&mut self, load: Load, limits: &Limits) -> Option<(usize, P)> {
        while self.parked_len > 0 && self.may_start(load, limits) {
            let key = self.parked.pop_front()?;
            if let Some(parked) = self.calls.get_mut(key).and_then(|served| served.parked.take()) {
                self.parked_len -= 1;
                self.parked_bytes -= parked.bytes;
                return Some((key, parked.start));
            }
        }
        None
    }

    /// The handle of an open call, and the batch that its reply belongs to.
    pub(crate) fn get(&self, key: usize) -> Option<(&C, Option<usize>)> {
        self.calls.get(key).map(|served| (&served.call, served.batch))
    }

    /// A running call by its id, to cancel it.
    pub(crate) fn running(&self, id: &Id) -> Option<&C> {
        let served = self.calls.get(*self.by_id.get(id)?)?;
        served.parked.is_none().then_some(&served.call)
    }

    /// The key of a parked call by its id, to cancel it.
    pub(crate) fn parked(&self, id: &Id) -> Option<usize> {
        let key = *self.by_id.get(id)?;
        self.calls.get(key)?.parked.as_ref().map(|_| key)
    }

    /// Closes a call. `reply` is the text of its reply, empty if none is due.
    pub(crate) fn finish(&mut self, key: usize, reply: &[u8]) -> Due {
        let Some(served) = self.calls.try_remove(key) else { return Due::Nothing };
        if let Some(parked) = &served.parked {
            self.parked_len -= 1;
            self.parked_bytes -= parked.bytes;
            self.parked.retain(|other| *other != key);
        }
        if let Some(id) = &served.id {
            self.by_id.remove(id);
        }
        self.give_back_memory();
        match served.batch {
            None if reply.is_empty() => Due::Nothing,
            None => Due::Frame,
            Some(batch) => self.answer_in_batch(batch, reply),
        }
    }

    fn give_back_memory(&mut self) {
        if self.calls.is_empty() && self.calls.capacity() > 64 {
            self.calls = Slab::new();
            self.by_id = HashMap::new();
            self.parked = VecDeque::new();
        }
    }

    /// Opens a batch; each of its entries is due one [`ServedTable::answer_in_batch`].
    pub(crate) fn open_batch(&mut self, entries: usize) -> usize {
        self.batches.insert(Batch::new(entries))
    }

    /// Bytes of replies that all batches hold.
    pub(crate) fn batch_bytes(&self) -> usize {
        self.batch_bytes
    }

    /// Bytes that a batch will have at least.
    pub(crate) fn batch_len(&self, batch: usize) -> usize {
        self.batches.get(batch).map_or(0, Batch::expected_len)
    }

    /// Answers one entry of a batch; with nothing, if `reply` is empty: it was no request.
    pub(crate) fn answer_in_batch(&mut self, key: usize, reply: &[u8]) -> Due {
        let Some(batch) = self.batches.get_mut(key) else { return Due::Nothing };
        if !reply.is_empty() {
            batch.push(reply);
            self.batch_bytes += reply.len();
        }
        batch.due -= 1;
        if batch.due > 0 {
            return Due::Later;
        }
        let batch = self.batches.remove(key);
        self.batch_bytes -= batch.replies_len();
        batch.finish().map_or(Due::Nothing, Due::Batch)
    }

    /// Every open call's handle, once; the table is empty then.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = C> {
        let table = std::mem::replace(self, Self::new());
        table.calls.into_iter().map(|(_, served)| served.call)
    }
}

#[cfg(test)]
#[path = "served_tests.rs"]
mod tests;
