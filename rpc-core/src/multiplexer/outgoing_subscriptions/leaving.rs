//! Subscriptions that the peer has been told to end. Until it has answered, their notifications are on their
//! way, and belong to nobody.

use std::collections::VecDeque;

use super::Unsubscribe;
use crate::message::Id;

/// How many are remembered. Notifications of those that are forgotten are unknown ones.
const MOST: usize = 256;

#[derive(Clone, Debug, Default)]
pub(super) struct Leaving {
    /// Each with the id of the call that tells the peer.
    calls: VecDeque<(u64, Unsubscribe)>,
}

impl Leaving {
    pub(super) fn insert(&mut self, unsubscribe: Unsubscribe, call: u64) {
        self.calls.push_back((call, unsubscribe));
        if self.calls.len() > MOST {
            self.calls.pop_front();
        }
    }

    /// The peer has answered a call; `false` if it is none of these.
    pub(super) fn answered(&mut self, call: u64) -> bool {
        let position = self.calls.iter().position(|(leaving, _)| *leaving == call);
        position.and_then(|at| self.calls.remove(at)).is_some()
    }

    /// The call that had made the subscription of which a notification is.
    pub(super) fn find(&self, notify: &str, id: &Id) -> Option<u64> {
        let mut calls = self.calls.iter().map(|(_, unsubscribe)| unsubscribe);
        calls.find(|left| &*left.notify == notify && left.id == *id).map(|left| left.call)
    }

    /// The peer has used the id again.
    pub(super) fn forget(&mut self, notify: &str, id: &Id) {
        for (_, left) in &mut self.calls {
            if &*left.notify == notify && left.id == *id {
                // Its answer is still to come.
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
