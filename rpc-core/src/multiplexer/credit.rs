//! Credit limits how much a sender may send before the receiver has consumed what it has.
//!
//! Both sides count items and bytes from the beginning of the stream. The receiver grants totals and not
//! increments, so a grant that is outdated or arrives twice changes nothing. A sender may send an item while
//! it has credit for at least one item and one byte, so the last item may exceed the credit in bytes. Every
//! item can therefore be sent, whatever the window is.

use crate::message::Totals;

/// Bytes of credit that each stream always has. A window that is larger takes the rest from the [`Pot`].
pub(crate) const FLOOR: u64 = 16 << 10;

/// The credit of an argument stream before its receiver has granted any.
pub(crate) const FIXED: Totals = Totals { items: 16, bytes: FLOOR };

impl Totals {
    fn plus(self, other: Self) -> Self {
        Self { items: self.items.saturating_add(other.items), bytes: self.bytes.saturating_add(other.bytes) }
    }

    /// The maximum of each.
    fn max(self, other: Self) -> Self {
        Self { items: self.items.max(other.items), bytes: self.bytes.max(other.bytes) }
    }

    fn count(&mut self, bytes: u64) {
        *self = self.plus(Self { items: 1, bytes });
    }

    /// Whether some of both is left after `used` was sent.
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

    /// Whether an item of any size may be sent.
    pub(crate) fn may_send(&self) -> bool {
        self.granted.covers(self.used)
    }

    /// Counts an item that is sent.
    pub(crate) fn spend(&mut self, bytes: u64) {
        self.spend_all(Totals { items: 1, bytes });
    }

    /// Counts items that are sent. The last one may exceed the credit in bytes.
    pub(crate) fn spend_all(&mut self, sent: Totals) {
        debug_assert!(sent.items == 0 || self.may_send(), "items are sent without credit");
        self.used = self.used.plus(sent);
    }

    /// The credit that is left.
    pub(crate) fn remaining(&self) -> Totals {
        Totals {
            items: self.granted.items.saturating_sub(self.used.items),
            bytes: self.granted.bytes.saturating_sub(self.used.bytes),
        }
    }

    /// Handles a total that the receiver has granted. Returns whether a sender that had to wait may continue.
    pub(crate) fn grant(&mut self, total: Totals) -> bool {
        let waited = !self.may_send();
        self.granted = self.granted.max(total);
        waited && self.may_send()
    }

    /// The number of items that may be sent, if there is credit for their bytes.
    pub(crate) fn left(&self) -> u64 {
        if self.may_send() { self.granted.items - self.used.items } else { 0 }
    }

    /// The total that has been granted since the beginning.
    pub(crate) fn granted(&self) -> Totals {
        self.granted
    }
}

/// An item arrived for which the sender had no credit.
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

    /// Counts an item that has arrived.
    pub(crate) fn arrive(&mut self, bytes: u64) -> Result<(), Excess> {
        if !self.granted.covers(self.arrived) {
            return Err(Excess);
        }
        self.arrived.count(bytes);
        Ok(())
    }

    /// Counts an item that has been consumed.
    pub(crate) fn take(&mut self, bytes: u64) {
        self.taken.count(bytes);
        debug_assert!(self.taken.bytes <= self.arrived.bytes, "an item is consumed that never arrived");
    }

    /// Returns the total to grant to the sender, if a message is worth it: if what has been consumed plus a
    /// window exceeds the last total by half a window, rounded up, in items or in bytes.
    ///
    /// When everything that arrived has been consumed, a sender that has used up either total is a whole
    /// window behind and gets a new total. So a stream cannot get stuck as long as both parts of the window
    /// are at least 1.
    pub(crate) fn raise(&mut self, window: Totals) -> Option<Totals> {
        if !self.is_due(window) {
            return None;
        }
        self.granted = self.granted.max(self.taken.plus(window));
        Some(self.granted)
    }

    /// Whether [`ReceiveCredit::raise`] would return a total.
    pub(crate) fn is_due(&self, window: Totals) -> bool {
        let target = self.taken.plus(window);
        let passes =
            |target: u64, last: u64, window: u64| target.saturating_sub(last) >= window.div_ceil(2).max(1);
        passes(target.items, self.granted.items, window.items)
            || passes(target.bytes, self.granted.bytes, window.bytes)
    }

    /// Whether the sender has no credit until the next grant.
    pub(crate) fn is_used_up(&self) -> bool {
        !self.granted.covers(self.arrived)
    }

    /// The number of bytes that have arrived and are not consumed.
    pub(crate) fn unread(&self) -> u64 {
        self.arrived.bytes - self.taken.bytes
    }

    /// The number of bytes that were granted and are not consumed, without those by which the last item
    /// exceeded the credit.
    fn outstanding(&self) -> u64 {
        self.granted.bytes.saturating_sub(self.taken.bytes)
    }

    /// Records that nothing more will arrive. Credit that the sender has not used no longer counts.
    fn close(&mut self) {
        self.granted.bytes = self.granted.bytes.min(self.arrived.bytes);
    }
}

/// The bytes of credit that the streams of a connection share, in addition to [`FLOOR`] for each. If the pot
/// is empty, windows are smaller, but no stream is refused.
#[derive(Clone, Debug)]
pub(crate) struct Pot {
    free: u64,
}

impl Pot {
    pub(crate) fn new(bytes: u64) -> Self {
        Self { free: bytes }
    }

    /// The number of bytes that no stream uses.
    #[cfg(any(test, feature = "__internals"))]
    pub(crate) fn free(&self) -> u64 {
        self.free
    }
}

/// A receiver's credit whose window takes bytes from a [`Pot`].
#[derive(Clone, Debug)]
pub(crate) struct PooledCredit {
    credit: ReceiveCredit,
    window: Totals,
    /// The number of bytes that it has taken from the pot.
    share: u64,
}

impl PooledCredit {
    /// Creates the credit of a stream. `fixed` is granted at the beginning, whatever the window is; it has at
    /// most [`FLOOR`] bytes.
    pub(crate) fn new(fixed: Totals, window: Totals) -> Self {
        debug_assert!(fixed.bytes <= FLOOR);
        // With an empty window the first item could never be sent.
        let window = window.max(Totals { items: 1, bytes: 1 });
        Self { credit: ReceiveCredit::new(fixed), window, share: 0 }
    }

    pub(crate) fn arrive(&mut self, bytes: u64) -> Result<(), Excess> {
        self.credit.arrive(bytes)
    }

    pub(crate) fn unread(&self) -> u64 {
        self.credit.unread()
    }

    /// The total that has been granted since the beginning.
    pub(crate) fn granted(&self) -> Totals {
        self.credit.granted
    }

    pub(crate) fn take(&mut self, bytes: u64, pot: &mut Pot) {
        self.credit.take(bytes);
        self.settle(pot);
    }

    /// [`ReceiveCredit::raise`] with the part of the window for which the pot has bytes. The threshold is
    /// half of that part: with half of the configured window, a stream whose window the pot made smaller
    /// would wait for ever.
    pub(crate) fn raise(&mut self, pot: &mut Pot) -> Option<Totals> {
        let most = FLOOR.saturating_add(pot.free).saturating_add(self.share);
        let total = self.credit.raise(Totals { bytes: self.window.bytes.min(most), ..self.window });
        // Without a new total nothing has changed since the last time.
        if total.is_some() {
            self.settle(pot);
        }
        total
    }

    /// Records that nothing more will arrive.
    pub(crate) fn close(&mut self, pot: &mut Pot) {
        self.credit.close();
        self.settle(pot);
    }

    /// Drops what is not consumed, and records that nothing more will arrive.
    pub(crate) fn discard(&mut self, pot: &mut Pot) {
        self.credit.taken = self.credit.arrived;
        self.close(pot);
    }

    /// Takes from the pot what the outstanding bytes exceed the floor by, and returns the rest.
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
