//! The calls and notifications that wait for the next connection. Their number is limited.

use std::collections::BTreeMap;
use std::task::Waker;

/// The id of a waiting call or notification.
pub(crate) type WaiterId = u64;

/// What a call or notification remembers about its client.
#[derive(Default)]
pub(crate) struct QueuePosition {
    /// Its id in the wait list while it waits.
    pub(crate) id: Option<WaiterId>,
    /// The connection that it has found to be over.
    pub(crate) over: Option<u64>,
}

/// The waiting calls and notifications, in order of arrival. One that was woken keeps its entry until it is
/// polled, so the limit holds at all times.
pub(super) struct WaitList {
    waiting: BTreeMap<WaiterId, Option<Waker>>,
    limit: usize,
    next: WaiterId,
}

impl WaitList {
    pub(super) fn new(limit: usize) -> Self {
        Self { waiting: BTreeMap::new(), limit, next: 0 }
    }

    /// Whether the list has room, or already has this entry.
    pub(super) fn is_open(&self, position: &QueuePosition) -> bool {
        position.id.is_some() || self.waiting.len() < self.limit
    }

    /// Adds or updates an entry. Returns the waker that it replaces, to be dropped outside of the lock.
    pub(super) fn take(&mut self, position: &mut QueuePosition, waker: Waker) -> Option<Waker> {
        let id = *position.id.get_or_insert_with(|| {
            self.next += 1;
            self.next
        });
        self.waiting.insert(id, Some(waker))?
    }

    /// Removes an entry. Returns its waker, to be dropped outside of the lock.
    pub(super) fn leave(&mut self, position: &mut QueuePosition) -> Option<Waker> {
        self.waiting.remove(&position.id.take()?)?
    }

    pub(super) fn waker(&mut self, id: WaiterId) -> Option<Waker> {
        self.waiting.get_mut(&id)?.take()
    }

    /// Takes the wakers of all entries, after a change.
    pub(super) fn take_wakers(&mut self) -> Vec<Waker> {
        self.waiting.values_mut().filter_map(Option::take).collect()
    }
}
