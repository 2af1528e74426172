//! What the model of outgoing subscriptions knows of items: each one that the peer sends is read, or is a
//! part of a number of missing ones.

use std::collections::{BTreeMap, VecDeque};

/// Whose a notification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The subscription of this call.
    Live(u64),
    /// A subscription that the peer has been told to end.
    Left,
    /// A subscription whose reply may come.
    Unknown,
}

/// The items of one subscription.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// The numbers of those that were sent and are neither read nor known to be missing.
    sent: VecDeque<u64>,
    /// The number of missing ones that the consumer has been told of since the last item.
    missed: u64,
    /// Whether the peer has ended it.
    is_over: bool,
    /// Whether too many may be told: items that were dropped before the reply may have been of any
    /// subscription.
    is_rough: bool,
}

impl Account {
    pub(super) fn send(&mut self, number: u64) {
        if !self.is_over {
            self.sent.push_back(number);
        }
    }

    pub(super) fn end(&mut self) {
        self.is_over = true;
    }

    pub(super) fn is_rough(&self) -> bool {
        self.is_rough
    }

    /// The consumer gets an item.
    pub(super) fn read(&mut self, number: u64) {
        let at = self.sent.iter().position(|sent| *sent == number);
        let at = at.unwrap_or_else(|| panic!("{number} comes too late, or is of another subscription"));
        self.sent.drain(..=at);
        self.settle(at as u64);
    }

    /// The consumer hears how many are missing.
    pub(super) fn miss(&mut self, missed: u64) {
        self.missed += missed;
    }

    /// The consumer gets the end.
    pub(super) fn finish(&mut self) {
        self.settle(self.sent.len() as u64);
    }

    fn settle(&mut self, gone: u64) {
        let missed = std::mem::take(&mut self.missed);
        assert!(gone <= missed, "{gone} are missing, and {missed} are told");
        assert!(gone == missed || self.is_rough, "{gone} are missing, and {missed} are told");
    }
}

/// The items that came while their subscription was unknown.
#[derive(Debug, Default)]
pub(super) struct EarlyAccounts {
    accounts: BTreeMap<(usize, u8), Account>,
    items: usize,
    bytes: usize,
}

impl EarlyAccounts {
    /// A notification with this method and id, and of this size.
    pub(super) fn of(&mut self, notify: usize, id: u8, size: usize) -> &mut Account {
        self.items += 1;
        self.bytes += size;
        self.accounts.entry((notify, id)).or_default()
    }

    /// The account of a subscription that opens.
    pub(super) fn take(&mut self, notify: usize, id: u8) -> Account {
        let account = self.accounts.remove(&(notify, id)).unwrap_or_default();
        Account { is_rough: self.items > 32 || self.bytes >= 64 << 10, ..account }
    }

    /// No call waits for notifications with this method any more, or none at all.
    pub(super) fn forget(&mut self, notify: usize, none_waits: bool) {
        self.accounts.retain(|(other, _), _| *other != notify);
        if none_waits {
            *self = Self::default();
        }
    }
}

/// Removes the oldest call past those that the table remembers.
pub(super) fn forget_oldest<T>(calls: &mut BTreeMap<u64, T>) {
    if calls.len() > 256 {
        calls.pop_first();
    }
}
