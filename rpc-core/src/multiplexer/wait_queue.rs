//! The calls that wait for a slot or for the lane of ordered calls, and their order.

use std::collections::BTreeMap;

/// The calls that wait for their turn, in order of arrival. Ordered calls share a lane: while one of them
/// runs, the others wait, and calls of other methods overtake them.
#[derive(Default)]
pub(super) struct WaitQueue {
    beside: BTreeMap<u64, usize>,
    ordered: BTreeMap<u64, usize>,
    lane_taken: bool,
    /// The number of waiting calls to which the limits apply, and their size in bytes.
    limited: usize,
    bytes: usize,
    arrivals: u64,
}

/// An entry in the wait queue.
#[derive(Clone, Copy)]
pub(super) struct WaitTicket {
    arrival: u64,
    /// The size of a call; `None` if the limits do not apply to it.
    bytes: Option<usize>,
    ordered: bool,
}

impl WaitQueue {
    pub(super) fn len(&self) -> usize {
        self.beside.len() + self.ordered.len()
    }

    /// The number of calls to which the limits apply.
    pub(super) fn limited(&self) -> usize {
        self.limited
    }

    /// The bytes of the calls to which the limits apply.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a new call must wait behind others, even if there is a slot.
    #[inline]
    pub(super) fn is_behind(&self, ordered: bool) -> bool {
        let waits_for_lane = ordered && self.lane_taken;
        waits_for_lane || self.next().is_some()
    }

    /// Adds a call of this size; `None` if the limits do not apply to it.
    pub(super) fn enter(&mut self, key: usize, ordered: bool, bytes: Option<usize>) -> WaitTicket {
        self.arrivals += 1;
        if let Some(bytes) = bytes {
            self.limited += 1;
            self.bytes += bytes;
        }
        let ticket = WaitTicket { arrival: self.arrivals, bytes, ordered };
        self.line(ordered).insert(ticket.arrival, key);
        ticket
    }

    pub(super) fn leave(&mut self, ticket: WaitTicket) {
        if let Some(bytes) = ticket.bytes {
            self.limited -= 1;
            self.bytes -= bytes;
        }
        self.line(ticket.ordered).remove(&ticket.arrival);
    }

    /// The first call that waits only for a slot.
    pub(super) fn next(&self) -> Option<usize> {
        let beside = self.beside.first_key_value();
        let ordered = self.ordered.first_key_value().filter(|_| !self.lane_taken);
        beside.into_iter().chain(ordered).min().map(|(_, key)| *key)
    }

    /// A call starts to run. An ordered call takes the lane.
    pub(super) fn begin(&mut self, ordered: bool) {
        self.lane_taken |= ordered;
    }

    /// A running call has finished.
    pub(super) fn finish(&mut self, ordered: bool) {
        self.lane_taken &= !ordered;
    }

    fn line(&mut self, ordered: bool) -> &mut BTreeMap<u64, usize> {
        if ordered { &mut self.ordered } else { &mut self.beside }
    }
}
