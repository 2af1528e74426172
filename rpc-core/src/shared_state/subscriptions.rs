//! The shared state as subscriptions use it that are served here. Each step changes the table, queues what
//! the peer is to be told of it, and wakes whom it concerns once the lock is free.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;

use super::{QueuedFrame, SharedState};
use crate::message::Id;
use crate::multiplexer::{StreamKey, TooManyStreams};
use crate::subscription::{SubscriptionForm, SubscriptionIds};

/// The subscriptions of a connection.
#[derive(Clone, Copy)]
pub(crate) struct SubscriptionSide<'a>(&'a SharedState);

impl<'a> SubscriptionSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    /// Enters the result of a call of the peer.
    pub(crate) fn accept(self) -> Result<StreamKey, TooManyStreams> {
        let limits = &self.0.config.limits;
        self.0.state().streams.or_new(limits).accept_subscription()
    }

    /// The handler has returned its stream, which gets an id. `None` if the connection has ended.
    pub(crate) fn name(self, key: StreamKey, form: &Arc<SubscriptionForm>) -> Option<Id> {
        self.0.state().streams.get()?.name_subscription(key, form, || new_id(form.id_kind()))
    }

    /// The reply with the id has been written, or queued: items may follow it.
    pub(crate) fn open(self, key: StreamKey) {
        let mut state = self.0.state();
        let waker = state.streams.get().and_then(|streams| streams.open_subscription(key));
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// The same of those whose ids are in the reply to a batch. If that is an error instead of an array,
    /// nobody knows their ids, and they end.
    pub(crate) fn open_behind(self, reply: &[u8], keys: &[StreamKey]) {
        for key in keys {
            match reply.first() {
                Some(b'[') => self.open(*key),
                _ => drop(self.end(*key, None)),
            }
        }
    }

    /// Ends the subscription with this id, if the method of that name does. Whether there was one.
    pub(crate) fn unsubscribe(self, id: &Id, method: &str) -> bool {
        let mut state = self.0.state();
        let (found, waker) =
            state.streams.get().map_or((false, None), |streams| streams.unsubscribe(id, method));
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        if found {
            // The answer is written behind all that is queued. Its publisher may have queued an item a moment
            // ago and not have said so yet.
            self.0.notify_driver();
        }
        found
    }

    /// A subscription is over, and this is the last notification of it. Whether it was there: otherwise
    /// nothing is sent.
    pub(crate) fn end(self, key: StreamKey, last: Option<Bytes>) -> bool {
        let mut state = self.0.state();
        let (found, waker) =
            state.streams.get().map_or((false, None), |streams| streams.end_subscription(key));
        if let Some(last) = last.filter(|_| found && state.life.ending().is_none()) {
            state.write_queue.push(QueuedFrame::Reply(last));
        }
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        // A drain may have waited for it.
        self.0.notify_driver();
        found
    }

    /// Whether there are subscriptions whose handlers have returned.
    pub(crate) fn is_any(self) -> bool {
        self.0.state().streams.get().is_some_and(|streams| streams.has_subscriptions())
    }
}

/// An id that has most likely never been used. It names a subscription of one connection, and is no secret.
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
