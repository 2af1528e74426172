//! Subscriptions that this side has ended. Until the peer has answered, notifications of them may still
//! arrive, and are ignored.

use std::collections::VecDeque;

use super::Unsubscribe;
use crate::message::Id;

/// The maximum number of these subscriptions. Beyond it the oldest is removed, and its notifications are then
/// handled like those of no subscription.
const MOST: usize = 256;

#[derive(Clone, Debug, Default)]
pub(super) struct Leaving {
    /// The subscriptions, with the ids of the calls that end them.
    calls: VecDeque<(u64, Unsubscribe)>,
}

impl Leaving {
    /// Adds a subscription that the call with this id ends.
    pub(super) fn insert(&mut self, unsubscribe: Unsubscribe, call: u64) {
        self.calls.push_back((call, unsubscribe));
        if self.calls.len() > MOST {
            self.calls.pop_front();
        }
    }

    /// Handles the answer to a call. Returns `false` if it is not one of these.
    pub(super) fn answered(&mut self, call: u64) -> bool {
        let position = self.calls.iter().position(|(leaving, _)| *leaving == call);
        position.and_then(|at| self.calls.remove(at)).is_some()
    }

    /// The call that had made the subscription with this method and id.
    pub(super) fn find(&self, notify: &str, id: &Id) -> Option<u64> {
        let mut calls = self.calls.iter().map(|(_, unsubscribe)| unsubscribe);
        calls.find(|left| &*left.notify == notify && left.id == *id).map(|left| left.call)
    }

    /// Handles that the peer has used an id again.
    pub(super) fn forget(&mut self, notify: &str, id: &Id) {
        for (_, left) in &mut self.calls {
            if &*left.notify == notify && left.id == *id {
                // The entry stays, since its answer will arrive.
                left.id = Id::null();
            }
        }
    }

    #[cfg(any(test, feature = "__internals"))]
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    #[cfg(any(test, feature = "__internals"))]
    pub(super) fn check_bounds(&self) {
        assert!(self.calls.len() <= MOST);
    }
}
