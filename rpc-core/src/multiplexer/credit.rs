//! Credit: how much a sender may send before its receiver has taken what it has.
//!
//! Both sides count from the beginning, items and bytes each for itself, and the receiver tells totals and no
//! increments: one that is lost in a race or comes twice changes nothing. An item may go while something of
//! both is left, so the last may overshoot in bytes. Any item can therefore be sent whatever the window is.

use crate::message::Totals;

/// Bytes of credit that each stream has for itself. What its window has beyond that comes from the [`Pot`].
pub(crate) const FLOOR: u64 = 16 << 10;

/// What an argument stream may send before its receiver has said anything.
pub(crate) const FIXED: Totals = Totals { items: 16, bytes: FLOOR };

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
        self.spend_all(Totals { items: 1, bytes });
    }

    /// Counts items that go, the last of which may overshoot in bytes.
    pub(crate) fn spend_all(&mut self, sent: Totals) {
        debug_assert!(sent.items == 0 || self.may_send(), "items go without credit");
        self.used = self.used.plus(sent);
    }

    /// What is left of both.
    pub(crate) fn remaining(&self) -> Totals {
        Totals {
            items: self.granted.items.saturating_sub(self.used.items),
            bytes: self.granted.bytes.saturating_sub(self.used.bytes),
        }
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
    pub(crate) fn unread(&self) -> u64 {
        self.arrived.bytes - self.taken.bytes
    }

    /// Bytes that were granted and not taken; without those by which the last item overshot.
    fn outstanding(&self) -> u64 {
        self.granted.bytes.saturating_sub(self.taken.bytes)
    }

    /// Nothing more comes: what was granted beyond what has come counts no more.
    fn close(&mut self) {
        self.granted.bytes = self.granted.bytes.min(self.arrived.bytes);
    }
}

/// Bytes of credit that the streams of a connection share beyond [`FLOOR`] for each. An empty pot makes
/// windows smaller, and refuses nothing.
#[derive(Clone, Debug)]
pub(crate) struct Pot {
    free: u64,
}

impl Pot {
    pub(crate) fn new(bytes: u64) -> Self {
        Self { free: bytes }
    }

    /// Bytes that no stream has.
    #[cfg(any(test, feature = "__internals"))]
    pub(crate) fn free(&self) -> u64 {
        self.free
    }
}

/// A receiver's credit whose window comes out of a [`Pot`].
#[derive(Clone, Debug)]
pub(crate) struct PooledCredit {
    credit: ReceiveCredit,
    window: Totals,
    /// What it has of the pot.
    share: u64,
}

impl PooledCredit {
    /// A stream of which `fixed` is granted, whatever the window; at most [`FLOOR`] bytes.
    pub(crate) fn new(fixed: Totals, window: Totals) -> Self {
        debug_assert!(fixed.bytes <= FLOOR);
        // With a window of nothing the first item could never be sent.
        let window = window.max(Totals { items: 1, bytes: 1 });
        Self { credit: ReceiveCredit::new(fixed), window, share: 0 }
    }

    pub(crate) fn arrive(&mut self, bytes: u64) -> Result<(), Excess> {
        self.credit.arrive(bytes)
    }

    pub(crate) fn unread(&self) -> u64 {
        self.credit.unread()
    }

    /// What has been granted in all.
    pub(crate) fn granted(&self) -> Totals {
        self.credit.granted
    }

    pub(crate) fn take(&mut self, bytes: u64, pot: &mut Pot) {
        self.credit.take(bytes);
        self.settle(pot);
    }

    /// As [`ReceiveCredit::raise`], with the window that the pot has. Half a window is half of what there is:
    /// were it half of what was asked for, a stream whose window the pot made smaller would wait for ever.
    pub(crate) fn raise(&mut self, pot: &mut Pot) -> Option<Totals> {
        let most = FLOOR.saturating_add(pot.free).saturating_add(self.share);
        let total = self.credit.raise(Totals { bytes: self.window.bytes.min(most), ..self.window });
        self.settle(pot);
        total
    }

    /// Nothing more comes.
    pub(crate) fn close(&mut self, pot: &mut Pot) {
        self.credit.close();
        self.settle(pot);
    }

    /// What is unread is dropped, and nothing more comes.
    pub(crate) fn discard(&mut self, pot: &mut Pot) {
        self.credit.taken = self.credit.arrived;
        self.close(pot);
    }

    /// Has as much of the pot as goes beyond the floor.
    fn settle(&mut self, pot: &mut Pot) {
        let share = self.credit.outstanding().saturating_sub(FLOOR);
        debug_assert!(share <= pot.free + self.share, "the pot is overdrawn");
        pot.free = (pot.free + self.share).saturating_sub(share);
        self.share = share;
    }
}

#[cfg(test)]
#[path = "credit_tests.rs"]
mod tests;
