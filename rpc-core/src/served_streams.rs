//! The streams of an incoming call while it is served.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::value::RawValue;

use crate::message::{ErrorCode, ErrorObject, Id, raw_json, unserializable};
use crate::multiplexer::{CallStreams, Failed, StreamKey};
use crate::observe::{CallItems, ObservedStream, Scope};
use crate::shared_state::SharedState;
use crate::streaming::{Publisher, Source};
use crate::subscription::SubscriptionForm;

#[derive(Default)]
pub(crate) struct ServedStreams {
    /// The stream that is the result.
    result: Option<StreamKey>,
    /// Set instead of `result` if the peer gets the result as a subscription.
    subscription: Option<ServedSubscription>,
    /// The arguments that no parameter has taken yet, with their numbers in params.
    unclaimed: Mutex<Vec<(u16, StreamKey)>>,
    /// Why the call fails, if it fails because of what its caller sent.
    failed: OnceLock<Failed>,
    items: CallItems,
    /// Whether the handler has returned the stream that is the result.
    producing: AtomicBool,
}

/// A result that is a subscription.
pub(crate) struct ServedSubscription {
    key: StreamKey,
    form: Arc<SubscriptionForm>,
    returned: Mutex<ReturnedStream>,
}

/// The stream that the handler has returned.
#[derive(Default)]
struct ReturnedStream {
    id: Option<Id>,
    /// Sends the items, in the span of the call. Here until the task of the subscription takes it.
    publisher: Option<(Publisher, Scope)>,
}

impl ServedStreams {
    /// The streams of a call that was entered. `numbers` are those of the arguments in params.
    pub(crate) fn new(streams: CallStreams, numbers: Vec<u16>, items: CallItems) -> Self {
        let unclaimed = Mutex::new(numbers.into_iter().zip(streams.arguments).collect());
        Self { result: streams.result, unclaimed, items, ..Self::default() }
    }

    /// The streams of a call whose result is a subscription.
    pub(crate) fn of_subscription(key: StreamKey, form: Arc<SubscriptionForm>, items: CallItems) -> Self {
        let subscription = Some(ServedSubscription { key, form, returned: Mutex::default() });
        Self { subscription, items, ..Self::default() }
    }

    /// The stream that is the result.
    pub(crate) fn result(&self) -> Option<StreamKey> {
        self.result
    }

    /// The subscription that is the result.
    pub(crate) fn subscription(&self) -> Option<&ServedSubscription> {
        self.subscription.as_ref()
    }

    /// Takes the argument with this number; `None` if there is none, or it was taken before.
    pub(crate) fn claim(&self, number: u16) -> Option<StreamKey> {
        let mut unclaimed = self.unclaimed();
        let index = unclaimed.iter().position(|(other, _)| *other == number)?;
        Some(unclaimed.swap_remove(index).1)
    }

    /// Drops the arguments that no parameter has taken, since nobody reads them.
    pub(crate) fn drop_unclaimed(&self, shared: &SharedState) {
        let unclaimed = std::mem::take(&mut *self.unclaimed());
        unclaimed.into_iter().for_each(|(_, key)| shared.as_consumer().drop_consumer(key, None, ""));
    }

    /// The counts of the items that were sent and received.
    pub(crate) fn items(&self) -> &CallItems {
        &self.items
    }

    /// The counts that are known when the call ends. A subscription goes on after that.
    pub(crate) fn items_at_end(&self) -> Option<&CallItems> {
        self.subscription.is_none().then_some(&self.items)
    }

    /// Records that the handler has returned the stream that is the result.
    pub(crate) fn begin_producing(&self) {
        self.producing.store(true, Ordering::Release);
    }

    /// Whether the handler has returned the stream that is the result.
    pub(crate) fn is_producing(&self) -> bool {
        self.producing.load(Ordering::Acquire)
    }

    pub(crate) fn set_failed(&self, failed: Failed) {
        let _ = self.failed.set(failed);
    }

    /// Why the call fails, if it fails because of what its caller sent.
    pub(crate) fn failed(&self) -> Option<Failed> {
        self.failed.get().copied()
    }

    /// Removes the streams of a call that is answered with `reply`. Returns the subscription that begins
    /// after the reply, if the reply has its id.
    pub(crate) fn finish(&self, shared: &SharedState, id: &Id, reply: &[u8]) -> Option<StreamKey> {
        let Some(subscription) = &self.subscription else {
            if self.is_producing() {
                shared.gauges().end_producing();
            }
            shared.as_stream().finish_call(id);
            // A handler that never began has taken none.
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
    /// Begins the subscription with the stream that the handler has returned. Returns the result of the call:
    /// the id of the subscription.
    pub(crate) fn begin(
        &self,
        shared: &SharedState,
        source: Box<dyn Source>,
        observed: ObservedStream,
    ) -> Result<Box<RawValue>, ErrorObject> {
        let Some(id) = shared.as_subscription().name(self.key, &self.form) else {
            // The connection has ended, so this is not sent.
            return Err(ErrorObject::framework(ErrorCode::Cancelled));
        };
        let publisher = Publisher::new(source, self.key, id.clone(), self.form.clone(), observed);
        let result = raw_json(&id).map_err(|error| unserializable(&error));
        let returned = ReturnedStream { id: Some(id), publisher: Some((publisher, Scope::current())) };
        // A layer may have run the handler twice. The first stream is the application's, so it is dropped
        // outside of the lock.
        let _replaced = std::mem::replace(&mut *self.returned(), returned);
        result
    }

    /// Takes what sends the items, with the span of the call; `None` if it was taken before, or nothing has
    /// begun.
    pub(crate) fn take_publisher(&self) -> Option<(Publisher, Scope)> {
        self.returned().publisher.take()
    }

    /// The key of the subscription, if the result in `reply` is its id. A layer, a limit or a cancel may have
    /// made another reply.
    pub(crate) fn begun_by(&self, reply: &[u8]) -> Option<StreamKey> {
        let returned = self.returned();
        let id = returned.id.as_ref()?.to_string();
        let before = reply.strip_suffix(b"}")?.strip_suffix(id.as_bytes())?;
        before.ends_with(b"\"result\":").then_some(self.key)
    }

    fn returned(&self) -> MutexGuard<'_, ReturnedStream> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
