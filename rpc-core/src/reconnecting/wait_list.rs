//! Who waits for the next connection, bounded in number.

use std::collections::BTreeMap;
use std::task::Waker;

/// Names one who waits.
pub(crate) type WaiterId = u64;

/// What a call or a notification knows of its client.
#[derive(Default)]
pub(crate) struct QueuePosition {
    /// While it waits.
    pub(crate) id: Option<WaiterId>,
    /// The connection that it found to be over.
    pub(crate) over: Option<u64>,
}

/// Those who wait, in order of arrival. Who was woken keeps the place until it looks again, so that there are
/// never more than the limit.
pub(super) struct WaitList {
    waiting: BTreeMap<WaiterId, Option<Waker>>,
    limit: usize,
    next: WaiterId,
}

impl WaitList {
    pub(super) fn new(limit: usize) -> Self {
        Self { waiting: BTreeMap::new(), limit, next: 0 }
    }

    /// Whether there is a place, or this is one.
    pub(super) fn is_open(&self, position: &QueuePosition) -> bool {
        position.id.is_some() || self.waiting.len() < self.limit
    }

    /// Takes a place. Gives the waker that was there, to be dropped outside of the lock.
    pub(super) fn take(&mut self, position: &mut QueuePosition, waker: Waker) -> Option<Waker> {
        let id = *position.id.get_or_insert_with(|| {
            self.next += 1;
            self.next
        });
        self.waiting.insert(id, Some(waker))?
    }

    /// Gives the waker that was there, to be dropped outside of the lock.
    pub(super) fn leave(&mut self, position: &mut QueuePosition) -> Option<Waker> {
        self.waiting.remove(&position.id.take()?)?
    }

    pub(super) fn waker(&mut self, id: WaiterId) -> Option<Waker> {
        self.waiting.get_mut(&id)?.take()
    }

    /// Whom to wake, since something has changed.
    pub(super) fn take_wakers(&mut self) -> Vec<Waker> {
        self.waiting.values_mut().filter_map(Option::take).collect()
    }
}
