//! Credit: how much a sender may send before its receiver has taken what it has.
//!
//! Both sides count from the beginning, items and bytes each for itself, and the receiver tells totals, not
//! increments: a total that comes twice changes nothing. An item may go while something of
//! both is left, so the last may overshoot in bytes. Any item can therefore be sent whatever the window is.

use crate::message::Totals;

impl Totals {
    fn plus(self, other: Self) -> Self {
        Self { items: self.items.saturating_add(other.items), bytes: self.bytes.saturating_add(other.bytes) }
    }

    /// Each of the two for itself.
    fn max(self, other: Self) -> Self {
        Self { items: self.items.max(other.items), bytes: self.bytes.max(other.bytes) }
    }

    fn count(&mut self, bytes: u64) {
        *self = self.plus(Self { items: 1, bytes });
    }

    /// Whether something of both is left when so much is used.
    fn covers(self, used: Self) -> bool {
        used.items < self.items && used.bytes < self.bytes
    }
}

/// The sender's side.
#[derive(Clone, Debug)]
pub(crate) struct SendCredit {
    granted: Totals,
    used: Totals,
}

impl SendCredit {
    pub(crate) fn new(initial: Totals) -> Self {
        Self { granted: initial, used: Totals::default() }
    }

    /// Whether an item may go, however large it is.
    pub(crate) fn may_send(&self) -> bool {
        self.granted.covers(self.used)
    }

    /// Counts an item that goes.
    pub(crate) fn spend(&mut self, bytes: u64) {
        debug_assert!(self.may_send(), "an item goes without credit");
        self.used.count(bytes);
    }

    /// Takes a total that the receiver has told. Whether a sender that had to wait may go on.
    pub(crate) fn grant(&mut self, total: Totals) -> bool {
        let waited = !self.may_send();
        self.granted = self.granted.max(total);
        waited && self.may_send()
    }

    /// Items that may go, if their bytes allow it.
    pub(crate) fn left(&self) -> u64 {
        if self.may_send() { self.granted.items - self.used.items } else { 0 }
    }

    /// What may be sent in all.
    pub(crate) fn granted(&self) -> Totals {
        self.granted
    }
}

/// An item came although nothing was left of one of the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Excess;

/// The receiver's side.
#[derive(Clone, Debug)]
pub(crate) struct ReceiveCredit {
    granted: Totals,
    arrived: Totals,
    taken: Totals,
}

impl ReceiveCredit {
    pub(crate) fn new(initial: Totals) -> Self {
        Self { granted: initial, arrived: Totals::default(), taken: Totals::default() }
    }

    /// Counts an item that came.
    pub(crate) fn arrive(&mut self, bytes: u64) -> Result<(), Excess> {
        if !self.granted.covers(self.arrived) {
            return Err(Excess);
        }
        self.arrived.count(bytes);
        Ok(())
    }

    /// Counts an item that holds nothing any more.
    pub(crate) fn take(&mut self, bytes: u64) {
        self.taken.count(bytes);
        debug_assert!(self.taken.bytes <= self.arrived.bytes, "an item is taken that never came");
    }

    /// The total to tell the sender, if it is worth a message: what has been taken and a window passes the
    /// last total by half a window, rounded up, in items or in bytes.
    ///
    /// Once all that came has been taken, a sender that has used up either total gets a new one, as it is
    /// then a whole window behind. So nothing gets stuck as long as both parts of the window are at least 1.
    pub(crate) fn raise(&mut self, window: Totals) -> Option<Totals> {
        if !self.is_due(window) {
            return None;
        }
        self.granted = self.granted.max(self.taken.plus(window));
        Some(self.granted)
    }

    /// Whether [`ReceiveCredit::raise`] has a total to tell.
    pub(crate) fn is_due(&self, window: Totals) -> bool {
        let target = self.taken.plus(window);
        let passes =
            |target: u64, last: u64, window: u64| target.saturating_sub(last) >= window.div_ceil(2).max(1);
        passes(target.items, self.granted.items, window.items)
            || passes(target.bytes, self.granted.bytes, window.bytes)
    }

    /// Whether nothing more may come before a new total is told.
    pub(crate) fn is_used_up(&self) -> bool {
        !self.granted.covers(self.arrived)
    }

    /// Bytes that have come and were not taken.
    #[cfg(test)]
    pub(crate) fn unread(&self) -> u64 {
        self.arrived.bytes - self.taken.bytes
    }
}

#[cfg(test)]
#[path = "credit_tests.rs"]
mod tests;
