//! The streams of one call of the peer while it is served.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::value::RawValue;

use crate::message::{ErrorCode, ErrorObject, Id, raw_json, unserializable};
use crate::multiplexer::{CallStreams, Failed, StreamKey};
use crate::observe::{CallItems, Scope};
use crate::shared_state::SharedState;
use crate::streaming::{Publisher, Source};
use crate::subscription::SubscriptionForm;

#[derive(Default)]
pub(crate) struct ServedStreams {
    result: Option<StreamKey>,
    /// Set instead of `result` if the result is a subscription for this peer.
    subscription: Option<ServedSubscription>,
    /// Arguments that no parameter has taken, by their numbers in params.
    unclaimed: Mutex<Vec<(u16, StreamKey)>>,
    /// Why the call fails, if its caller did what it must not.
    failed: OnceLock<Failed>,
    items: CallItems,
    /// Whether its handler has returned the stream that is its result.
    producing: AtomicBool,
}

/// A result that is a subscription.
pub(crate) struct ServedSubscription {
    key: StreamKey,
    form: Arc<SubscriptionForm>,
    begun: Mutex<Begun>,
}

/// What the handler has returned.
#[derive(Default)]
struct Begun {
    id: Option<Id>,
    /// Until its task takes it.
    publisher: Option<(Publisher, Scope)>,
}

impl ServedStreams {
    /// Those of a call that was entered, the arguments by these numbers.
    pub(crate) fn new(streams: CallStreams, numbers: Vec<u16>, items: CallItems) -> Self {
        let unclaimed = Mutex::new(numbers.into_iter().zip(streams.arguments).collect());
        Self { result: streams.result, unclaimed, items, ..Self::default() }
    }

    /// A result that is a subscription.
    pub(crate) fn of_subscription(key: StreamKey, form: Arc<SubscriptionForm>) -> Self {
        let subscription = Some(ServedSubscription { key, form, begun: Mutex::default() });
        Self { subscription, ..Self::default() }
    }

    /// The stream that is its result.
    pub(crate) fn result(&self) -> Option<StreamKey> {
        self.result
    }

    /// The subscription that is its result.
    pub(crate) fn subscription(&self) -> Option<&ServedSubscription> {
        self.subscription.as_ref()
    }

    /// Takes the argument with this number, once.
    pub(crate) fn claim(&self, number: u16) -> Option<StreamKey> {
        let mut unclaimed = self.unclaimed();
        let index = unclaimed.iter().position(|(other, _)| *other == number)?;
        Some(unclaimed.swap_remove(index).1)
    }

    /// Nobody reads what no parameter has taken.
    pub(crate) fn drop_unclaimed(&self, shared: &SharedState) {
        let unclaimed = std::mem::take(&mut *self.unclaimed());
        unclaimed.into_iter().for_each(|(_, key)| shared.as_consumer().drop_consumer(key, None, ""));
    }

    /// The items that they have moved.
    pub(crate) fn items(&self) -> &CallItems {
        &self.items
    }

    /// The handler has returned the stream that is its result.
    pub(crate) fn begin_producing(&self) {
        self.producing.store(true, Ordering::Release);
    }

    /// Whether the handler has returned the stream that is its result.
    pub(crate) fn is_producing(&self) -> bool {
        self.producing.load(Ordering::Acquire)
    }

    pub(crate) fn set_failed(&self, failed: Failed) {
        let _ = self.failed.set(failed);
    }

    /// Why the call fails, if its caller did what it must not.
    pub(crate) fn failed(&self) -> Option<Failed> {
        self.failed.get().copied()
    }

    /// The call is answered with this. Gives the subscription that begins behind the reply.
    pub(crate) fn finish(&self, shared: &SharedState, id: &Id, reply: &[u8]) -> Option<StreamKey> {
        let Some(subscription) = &self.subscription else {
            if self.is_producing() {
                shared.gauges().end_producing();
            }
            shared.as_stream().finish_call(id);
            // Those of a handler that never began.
            self.drop_unclaimed(shared);
            return None;
        };
        let begun = subscription.begun_by(reply);
        if begun.is_none() {
            shared.as_subscription().end(subscription.key, None);
        }
        begun
    }

    fn unclaimed(&self) -> MutexGuard<'_, Vec<(u16, StreamKey)>> {
        self.unclaimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServedSubscription {
    /// The handler has returned its stream. Gives the result of the call: the id of the subscription.
    pub(crate) fn begin(
        &self,
        shared: &SharedState,
        source: Box<dyn Source>,
    ) -> Result<Box<RawValue>, ErrorObject> {
        let Some(id) = shared.as_subscription().name(self.key, &self.form) else {
            // The connection has ended, so nobody gets this.
            return Err(ErrorObject::framework(ErrorCode::Cancelled));
        };
        let publisher = Publisher::new(source, self.key, id.clone(), self.form.clone());
        let result = raw_json(&id).map_err(|error| unserializable(&error));
        let begun = Begun { id: Some(id), publisher: Some((publisher, Scope::current())) };
        let _replaced = std::mem::replace(&mut *self.begun(), begun);
        result
    }

    /// Takes what sends the items, once, with the span of the call.
    pub(crate) fn take_publisher(&self) -> Option<(Publisher, Scope)> {
        self.begun().publisher.take()
    }

    /// Its key, if the reply has its id. A layer, a limit or a cancel may have made another reply.
    pub(crate) fn begun_by(&self, reply: &[u8]) -> Option<StreamKey> {
        let begun = self.begun();
        let id = begun.id.as_ref()?.to_string();
        let before = reply.strip_suffix(b"}")?.strip_suffix(id.as_bytes())?;
        before.ends_with(b"\"result\":").then_some(self.key)
    }

    fn begun(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
