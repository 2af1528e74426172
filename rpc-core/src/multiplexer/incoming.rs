//! Calls that the peer made and we serve.

use std::collections::HashMap;

use bytes::Bytes;
use slab::Slab;

use super::wait_queue::{WaitQueue, WaitTicket};
use crate::config::Limits;
use crate::message::{Batch, Id};

/// The peer's calls that are open: parked until their turn comes, or running. `C` is the handle on a call,
/// `P` what is needed to start one that was parked.
///
/// Calls run beside each other, but for those of ordered methods: of these one runs at a time. A request
/// whose handler is ready at once never comes here; it is answered before the next is read.
pub(crate) struct IncomingCalls<C, P> {
    calls: Slab<Served<C, P>>,
    /// Requests by id, so that a second one with the same id is refused and a cancel finds the first.
    by_id: HashMap<Id, usize>,
    parking: WaitQueue,
    batches: Slab<Batch>,
    /// Bytes of replies that wait in batches for the others of their batch.
    batch_bytes: usize,
}

struct Served<C, P> {
    opened: Opened<C>,
    parked: Option<(WaitTicket, P)>,
}

/// A call that is to be entered.
pub(crate) struct Opened<C> {
    pub(crate) call: C,
    /// `None` for a notification.
    pub(crate) id: Option<Id>,
    pub(crate) batch: Option<usize>,
    /// Whether its method is ordered.
    pub(crate) ordered: bool,
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

impl<C, P> IncomingCalls<C, P> {
    pub(crate) fn new() -> Self {
        Self {
            calls: Slab::new(),
            by_id: HashMap::new(),
            parking: WaitQueue::default(),
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
    pub(crate) fn admit(&self, ordered: bool, bytes: usize, load: Load, limits: &Limits) -> Admission {
        // Those that came earlier start earlier.
        let runs = !self.parking.is_behind(ordered) && self.has_slot(load, limits);
        if runs && self.calls.len() < limits.max_open {
            Admission::Run
        } else {
            self.admit_later(bytes, limits)
        }
    }

    /// Decides on a call that cannot run now.
    pub(crate) fn admit_later(&self, bytes: usize, limits: &Limits) -> Admission {
        let fits = self.calls.len() < limits.max_open
            && self.parking.len() < limits.max_in_flight
            && self.parking.bytes() + bytes <= limits.max_parked_bytes;
        if fits { Admission::Park } else { Admission::Refuse }
    }

    /// Which limit keeps a call from being admitted.
    pub(crate) fn why_refused(&self, limits: &Limits) -> String {
        if self.calls.len() >= limits.max_open {
            format!("{} calls are open (`max_open`)", limits.max_open)
        } else if self.parking.len() >= limits.max_in_flight {
            let many = limits.max_in_flight;
            format!("{many} calls wait their turn (`max_in_flight`); send more when replies have come")
        } else {
            let most = limits.max_parked_bytes;
            format!("the params of calls that wait their turn come to {most} bytes (`max_parked_bytes`)")
        }
    }

    fn has_slot(&self, load: Load, limits: &Limits) -> bool {
        let running = (self.calls.len() - self.parking.len()).saturating_sub(load.waiting);
        running < limits.max_in_flight && !load.congested
    }

    /// Enters a call that runs.
    pub(crate) fn insert(&mut self, opened: Opened<C>) -> usize {
        self.parking.begin(opened.ordered);
        self.enter(Served { opened, parked: None })
    }

    /// Enters a call that waits its turn.
    pub(crate) fn park(&mut self, opened: Opened<C>, start: P, bytes: usize) {
        let ticket = self.parking.enter(self.calls.vacant_key(), opened.ordered, bytes);
        self.enter(Served { opened, parked: Some((ticket, start)) });
    }

    fn enter(&mut self, served: Served<C, P>) -> usize {
        let key = self.calls.vacant_key();
        if let Some(id) = served.opened.id.as_ref().filter(|id| !id.is_null()) {
            self.by_id.insert(id.clone(), key);
        }
        self.calls.insert(served)
    }

    /// The parked call whose turn it is, if there is a slot for it.
    pub(crate) fn next_parked(&self, load: Load, limits: &Limits) -> Option<usize> {
        self.parking.next().filter(|_| self.has_slot(load, limits))
    }

    /// A parked call runs from now on.
    pub(crate) fn unpark(&mut self, key: usize) -> Option<(&C, P)> {
        let served = self.calls.get_mut(key)?;
        let (ticket, start) = served.parked.take()?;
        self.parking.leave(ticket);
        self.parking.begin(served.opened.ordered);
        Some((&served.opened.call, start))
    }

    /// The handle of an open call, and the batch that its reply belongs to.
    pub(crate) fn get(&self, key: usize) -> Option<(&C, Option<usize>)> {
        self.calls.get(key).map(|served| (&served.opened.call, served.opened.batch))
    }

    /// A running call by its id, to cancel it.
    pub(crate) fn running(&self, id: &Id) -> Option<&C> {
        let served = self.calls.get(*self.by_id.get(id)?)?;
        served.parked.is_none().then_some(&served.opened.call)
    }

    /// The key of a parked call by its id, to cancel it.
    pub(crate) fn parked(&self, id: &Id) -> Option<usize> {
        let key = *self.by_id.get(id)?;
        self.calls.get(key)?.parked.as_ref().map(|_| key)
    }

    /// Closes a call. `reply` is the text of its reply, empty if none is due.
    pub(crate) fn finish(&mut self, key: usize, reply: &[u8]) -> Due {
        let Some(Served { opened, parked }) = self.calls.try_remove(key) else { return Due::Nothing };
        match parked {
            Some((ticket, _)) => self.parking.leave(ticket),
            None => self.parking.finish(opened.ordered),
        }
        if let Some(id) = &opened.id {
            self.by_id.remove(id);
        }
        self.give_back_memory();
        match opened.batch {
            None if reply.is_empty() => Due::Nothing,
            None => Due::Frame,
            Some(batch) => self.answer_in_batch(batch, reply),
        }
    }

    fn give_back_memory(&mut self) {
        if self.calls.is_empty() && self.calls.capacity() > 64 {
            self.calls = Slab::new();
            self.by_id = HashMap::new();
        }
    }

    /// Opens a batch; each of its entries is due one [`IncomingCalls::answer_in_batch`].
    /// `limit` bounds the bytes of the answer.
    pub(crate) fn open_batch(&mut self, entries: usize, limit: usize) -> usize {
        self.batches.insert(Batch::new(entries, limit))
    }

    /// Bytes of replies that all batches hold.
    pub(crate) fn batch_bytes(&self) -> usize {
        self.batch_bytes
    }

    /// Bytes that a batch will have at least.
    pub(crate) fn batch_len(&self, batch: usize) -> usize {
        self.batches.get(batch).map_or(0, Batch::expected_len)
    }

    /// Whether the batch of a call waits for others still once this one is answered.
    pub(crate) fn batch_waits(&self, batch: usize) -> bool {
        self.batches.get(batch).is_some_and(|batch| batch.due > 1)
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
        table.calls.into_iter().map(|(_, served)| served.opened.call)
    }
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;
