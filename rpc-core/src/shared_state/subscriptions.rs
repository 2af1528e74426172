//! The shared state, as subscriptions that are served here use it. Each operation changes the table and
//! queues the message for the peer under the lock, and wakes tasks after the lock is released.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;

use super::{QueuedFrame, SharedState};
use crate::message::Id;
use crate::multiplexer::{StreamKey, TooManyStreams};
use crate::subscription::{SubscriptionForm, SubscriptionIds};

/// The operations on the subscriptions that a connection serves.
#[derive(Clone, Copy)]
pub(crate) struct SubscriptionSide<'a>(&'a SharedState);

impl<'a> SubscriptionSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    /// Enters the result of an incoming call.
    pub(crate) fn accept(self) -> Result<StreamKey, TooManyStreams> {
        let limits = &self.0.config.limits;
        self.0.state().streams.or_new(limits).accept_subscription()
    }

    /// Gives an id to the subscription whose handler has returned. `None` if the connection has ended.
    pub(crate) fn name(self, key: StreamKey, form: &Arc<SubscriptionForm>) -> Option<Id> {
        self.0.state().streams.get()?.name_subscription(key, form, || new_id(form.id_kind()))
    }

    /// Lets the items follow, because the reply with the id has been written or queued.
    pub(crate) fn open(self, key: StreamKey) {
        let mut state = self.0.state();
        let waker = state.streams.get().and_then(|streams| streams.open_subscription(key));
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// [`SubscriptionSide::open`] for the subscriptions whose ids are in the reply to a batch. If that reply
    /// is an error instead of an array, the peer does not get the ids, and the subscriptions end.
    pub(crate) fn open_behind(self, reply: &[u8], keys: &[StreamKey]) {
        for key in keys {
            match reply.first() {
                Some(b'[') => self.open(*key),
                _ => drop(self.end(*key, None)),
            }
        }
    }

    /// Ends the subscription with this id, if `method` is the method that ends it. Returns whether there was
    /// one.
    pub(crate) fn unsubscribe(self, id: &Id, method: &str) -> bool {
        let mut state = self.0.state();
        let (found, waker) =
            state.streams.get().map_or((false, None), |streams| streams.unsubscribe(id, method));
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        if found {
            // The answer must be sent after the items in the queue. The publisher may have queued an item
            // just now, and not notified the connection's task yet.
            self.0.driver_waker.notify();
        }
        found
    }

    /// Ends a subscription, and queues its last notification, if it has one. Returns whether the subscription
    /// existed; if not, nothing is queued.
    pub(crate) fn end(self, key: StreamKey, last: Option<Bytes>) -> bool {
        let mut state = self.0.state();
        let (found, waker) =
            state.streams.get().map_or((false, None), |streams| streams.end_subscription(key));
        if let Some(last) = last.filter(|_| found && state.life.ending().is_none()) {
            state.write_queue.push(QueuedFrame::Reply(last));
        }
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        // A drain may wait for the end of the subscription.
        self.0.driver_waker.notify();
        found
    }

    /// Whether there are subscriptions whose handlers have returned. A drain waits until there are none.
    pub(crate) fn is_any(self) -> bool {
        self.0.state().streams.get().is_some_and(|streams| streams.has_subscriptions())
    }
}

/// Returns a random id. It names a subscription of one connection, and is not a secret.
fn new_id(kind: SubscriptionIds) -> Id {
    // Each `RandomState` has new keys.
    let random = || RandomState::new().hash_one(0_u8);
    match kind {
        SubscriptionIds::Text => {
            let text = format!("\"0x{:016x}{:016x}\"", random(), random());
            Id::from_json(&text).unwrap_or_else(Id::null)
        }
        // All of these are exact in a double.
        SubscriptionIds::Number => Id::number(random() >> 11),
    }
}
