//! Shares a limited number of slots fairly among connections.

use std::collections::{BTreeMap, HashMap};

/// Slots that connections share. A connection that finds no free slot joins a line, once, however many calls
/// it has waiting. A free slot goes to the first connection in the line; if that connection wants another
/// slot, it joins the line at the end. `W` wakes a connection. Connections are identified by number.
pub(crate) struct FairSemaphore<W> {
    limit: isize,
    /// The number of slots that are taken or granted. It may exceed the limit for a while, when handlers
    /// resume that had given up their slots. It may be too low for a moment, since taking and returning slots
    /// are not synchronised with each other.
    taken: isize,
    queue: BTreeMap<u64, u64>,
    waiting: HashMap<u64, Waiter<W>>,
    arrivals: u64,
}

/// A connection that has asked for a slot.
struct Waiter<W> {
    wakes: W,
    /// Its position in the line; `None` once a slot is reserved for it.
    position: Option<u64>,
}

impl<W: Clone> FairSemaphore<W> {
    /// Creates a semaphore with at least one slot, since with none nothing could ever run.
    pub(crate) fn new(limit: usize) -> Self {
        let limit = isize::try_from(limit).unwrap_or(isize::MAX).max(1);
        Self { limit, taken: 0, queue: BTreeMap::new(), waiting: HashMap::new(), arrivals: 0 }
    }

    /// Takes a slot, or puts the connection into the line: it is woken when a slot is reserved for it.
    pub(crate) fn enter(&mut self, who: u64, wakes: &W) -> bool {
        match self.waiting.get(&who) {
            Some(Waiter { position: None, .. }) => {
                self.waiting.remove(&who);
                true
            }
            Some(Waiter { position: Some(_), .. }) => false,
            None if self.taken < self.limit && self.queue.is_empty() => {
                self.taken += 1;
                true
            }
            None => {
                self.arrivals += 1;
                self.queue.insert(self.arrivals, who);
                self.waiting.insert(who, Waiter { wakes: wakes.clone(), position: Some(self.arrivals) });
                false
            }
        }
    }

    /// Returns a slot. If the slot is now reserved for another connection, returns its waker.
    pub(crate) fn leave(&mut self) -> Option<W> {
        self.taken -= 1;
        self.grant()
    }

    /// Counts a handler that resumes after it had given up its slot, even if no slot is free.
    pub(crate) fn resume(&mut self) {
        self.taken += 1;
    }

    /// The connection needs no slot any more. If its reserved slot goes to another connection, returns that
    /// one's waker.
    pub(crate) fn step_aside(&mut self, who: u64) -> Option<W> {
        match self.waiting.remove(&who)?.position {
            None => self.leave(),
            Some(position) => {
                self.queue.remove(&position);
                None
            }
        }
    }

    fn grant(&mut self) -> Option<W> {
        if self.taken >= self.limit {
            return None;
        }
        let (_, who) = self.queue.pop_first()?;
        let waiter = self.waiting.get_mut(&who)?;
        waiter.position = None;
        self.taken += 1;
        Some(waiter.wakes.clone())
    }
}

#[cfg(test)]
#[path = "fair_semaphore_tests.rs"]
mod tests;
