//! Who may start a handler, where connections share a limit.

use std::collections::{BTreeMap, HashMap};

/// Slots that connections share. Those that find none free stand in line, each once, whatever it has waiting: a
/// slot goes to the first, which goes to the end of the line if it wants another. `L` is what wakes a connection;
/// a connection is known by its number.
pub(crate) struct Gate<L> {
    limit: isize,
    /// Slots that are taken or granted. More than the limit for a while, when handlers go on that had given
    /// theirs up; and less than is taken for a moment, since those who take and give do not wait for each other.
    taken: isize,
    line: BTreeMap<u64, u64>,
    guests: HashMap<u64, Guest<L>>,
    arrivals: u64,
}

/// A connection that has asked for a slot.
struct Guest<L> {
    link: L,
    /// Its place in the line; `None` once a slot is kept for it.
    place: Option<u64>,
}

impl<L: Clone> Gate<L> {
    /// At least one slot: with none nothing would ever run.
    pub(crate) fn new(limit: usize) -> Self {
        let limit = isize::try_from(limit).unwrap_or(isize::MAX).max(1);
        Self { limit, taken: 0, line: BTreeMap::new(), guests: HashMap::new(), arrivals: 0 }
    }

    /// Takes a slot, or has the connection stand in line: it is woken when a slot is kept for it.
    pub(crate) fn enter(&mut self, who: u64, link: &L) -> bool {
        match self.guests.get(&who) {
            Some(Guest { place: None, .. }) => {
                self.guests.remove(&who);
                true
            }
            Some(Guest { place: Some(_), .. }) => false,
            None if self.taken < self.limit && self.line.is_empty() => {
                self.taken += 1;
                true
            }
            None => {
                self.arrivals += 1;
                self.line.insert(self.arrivals, who);
                self.guests.insert(who, Guest { link: link.clone(), place: Some(self.arrivals) });
                false
            }
        }
    }

    /// Gives a slot back. Whoever it is kept for now has to be woken.
    pub(crate) fn leave(&mut self) -> Option<L> {
        self.taken -= 1;
        self.grant()
    }

    /// A handler goes on that had given its slot up, be there one or not.
    pub(crate) fn resume(&mut self) {
        self.taken += 1;
    }

    /// The connection wants no slot any more. Whoever has its one now has to be woken.
    pub(crate) fn step_aside(&mut self, who: u64) -> Option<L> {
        match self.guests.remove(&who)?.place {
            None => self.leave(),
            Some(place) => {
                self.line.remove(&place);
                None
            }
        }
    }

    fn grant(&mut self) -> Option<L> {
        if self.taken >= self.limit {
            return None;
        }
        let (_, who) = self.line.pop_first()?;
        let guest = self.guests.get_mut(&who)?;
        guest.place = None;
        self.taken += 1;
        Some(guest.link.clone())
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
