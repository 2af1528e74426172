//! Who may start a handler, where connections share a limit.

use std::collections::{BTreeMap, HashMap};

/// Slots that connections share. Those that find none free stand in line, each once, whatever it has waiting:
/// a slot goes to the first, which goes to the end of the line if it wants another. `W` is what wakes a
/// connection; a connection is known by its number.
pub(crate) struct FairSemaphore<W> {
    limit: isize,
    /// Slots that are taken or granted. More than the limit for a while, when handlers go on that had given
    /// theirs up; and less than is taken for a moment, since those who take and give do not wait for each
    /// other.
    taken: isize,
    queue: BTreeMap<u64, u64>,
    waiting: HashMap<u64, Waiter<W>>,
    arrivals: u64,
}

/// A connection that has asked for a slot.
struct Waiter<W> {
    wakes: W,
    /// Its place in the line; `None` once a slot is kept for it.
    position: Option<u64>,
}

impl<W: Clone> FairSemaphore<W> {
    /// At least one slot: with none nothing would ever run.
    pub(crate) fn new(limit: usize) -> Self {
        let limit = isize::try_from(limit).unwrap_or(isize::MAX).max(1);
        Self { limit, taken: 0, queue: BTreeMap::new(), waiting: HashMap::new(), arrivals: 0 }
    }

    /// Takes a slot, or has the connection stand in line: it is woken when a slot is kept for it.
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

    /// Gives a slot back. Whoever it is kept for now has to be woken.
    pub(crate) fn leave(&mut self) -> Option<W> {
        self.taken -= 1;
        self.grant()
    }

    /// A handler goes on that had given its slot up, be there one or not.
    pub(crate) fn resume(&mut self) {
        self.taken += 1;
    }

    /// The connection wants no slot any more. Whoever has its one now has to be woken.
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
