//! The table of this side's subscriptions in Ethereum's form, at a peer that does not speak `birpc.v1`. It is
//! pure state, without a socket, a task or a clock.
//!
//! A call subscribes, and its reply has the id of the subscription. Notifications have the items. A
//! notification belongs to a subscription if it has the subscription's method and its params have the id. A
//! peer may send items before the reply ([`early`]). Such a peer does not wait for the consumer, so the
//! unread items are limited. When the limit is exceeded, a subscription ends or drops its oldest items.
//!
//! On this side, the id of the call identifies its subscription. Methods that end a subscription return the
//! waker (`W`) of the task that waits for it. The caller wakes and drops it outside of the lock.

mod early;
#[cfg(test)]
mod early_tests;
#[cfg(test)]
mod ids_tests;
mod leaving;
mod outcome;
mod subscription;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;

use rustc_hash::FxHashMap;

use self::early::Early;
use self::leaving::Leaving;
use self::subscription::{Pushed, Subscription, end_of};
use super::streams::End;
use crate::message::{EventContent, Id, SubscriptionEvent, parse_subscription_id};

pub(crate) use outcome::{Replied, Taken};
pub(crate) use subscription::{NextUpdate, Subscribe};

/// The maximum size of the id of a subscription, in bytes of its JSON text. A larger one is not kept and not
/// sent back.
const MAX_ID: usize = 1 << 10;

/// The maximum number of calls that were given up and are kept, so that the subscriptions in their replies
/// can be ended.
const MAX_GIVEN_UP: usize = 256;

/// The call that ends a subscription: its method, and the id of the subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsubscribe {
    pub(crate) method: Arc<str>,
    pub(crate) id: Id,
    /// The method of its notifications, which are ignored until the peer has answered.
    notify: Arc<str>,
    /// The call that had subscribed.
    call: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct OutgoingSubscriptions<W> {
    /// The maximum number of unread bytes of all subscriptions.
    max_bytes: u64,
    unread: u64,
    /// The calls that have no reply yet.
    opening: BTreeMap<u64, Subscribe>,
    /// The calls that were given up after they had been sent.
    given_up: BTreeMap<u64, Subscribe>,
    early: Early,
    /// The subscriptions whose consumers have not read the end, and were not dropped.
    subscriptions: BTreeMap<u64, Subscription<W>>,
    /// The subscriptions that have not ended, by their ids: the method of the notifications, and the call.
    /// There is rarely more than one with the same id.
    live: FxHashMap<Id, Vec<(Arc<str>, u64)>>,
    leaving: Leaving,
}

impl<W> OutgoingSubscriptions<W> {
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self {
            // With a limit of 0 no item could ever be received.
            max_bytes: max_bytes.max(1),
            unread: 0,
            opening: BTreeMap::new(),
            given_up: BTreeMap::new(),
            early: Early::default(),
            subscriptions: BTreeMap::new(),
            live: FxHashMap::default(),
            leaving: Leaving::default(),
        }
    }

    /// Enters a call that subscribes, before its request is queued.
    pub(crate) fn open_call(&mut self, call: u64, subscribe: Subscribe) {
        self.opening.insert(call, subscribe);
    }

    /// Handles the reply to a call of this side. `result` is `None` for an error. If a subscription must be
    /// ended, returns the call for that.
    pub(crate) fn handle_reply(&mut self, call: u64, result: Option<&str>) -> (Replied, Option<Unsubscribe>) {
        if self.leaving.answered(call) {
            return (Replied::Done, None);
        }
        if let Some(subscribe) = self.given_up.remove(&call) {
            let id = result.and_then(parse_subscription_id).filter(|id| id.text_len() <= MAX_ID);
            let id = id.filter(|id| self.find(&subscribe.notify, id).is_none());
            return (Replied::Done, id.map(|id| self.leave(&subscribe, id, call)));
        }
        let Some(subscribe) = self.opening.remove(&call) else { return (Replied::NotOurs, None) };
        let opened = match result {
            None => (Replied::Done, None),
            Some(result) => self.open(call, &subscribe, result),
        };
        self.forget_early(&subscribe.notify);
        opened
    }

    fn open(&mut self, call: u64, subscribe: &Subscribe, result: &str) -> (Replied, Option<Unsubscribe>) {
        let Some(id) = parse_subscription_id(result) else {
            return (Replied::Invalid("the result is no id of a subscription: a string or a number"), None);
        };
        if id.text_len() > MAX_ID {
            return (Replied::Invalid("the id of the subscription is longer than 1 KiB"), None);
        }
        if self.find(&subscribe.notify, &id).is_some() {
            // Unsubscribing would end the other one.
            return (Replied::Invalid("the peer has given the id of another subscription"), None);
        }
        self.leaving.forget(&subscribe.notify, &id);
        let mut subscription = Subscription::new(subscribe.clone(), id.clone());
        let outcome = subscription.begin(self.early.take(&subscribe.notify, &id));
        self.unread += subscription.unread();
        let has_ended = subscription.has_ended();
        self.subscriptions.insert(call, subscription);
        match has_ended {
            false => {
                self.live.entry(id).or_default().push((subscribe.notify.clone(), call));
                (Replied::Done, None)
            }
            true => {
                let leaves = outcome == Pushed::Overflow;
                (Replied::Done, leaves.then(|| self.leave(subscribe, id, call)))
            }
        }
    }

    /// Handles a notification.
    pub(crate) fn handle_notification(&mut self, method: &str, params: Option<&str>) -> Taken<W> {
        let Some(event) = SubscriptionEvent::parse(params) else { return Taken::NotOurs };
        if let Some(call) = self.find(method, &event.id) {
            return self.deliver(call, &event);
        }
        if let Some(call) = self.leaving.find(method, &event.id) {
            // Its consumer may not have read the end with the number of lost items yet.
            if let (EventContent::Item(_), Some(subscription)) =
                (&event.content, self.subscriptions.get_mut(&call))
            {
                subscription.note_missed();
            }
            return Taken::Ours(None, None);
        }
        let mut opening = self.opening.values().filter(|opening| &*opening.notify == method).peekable();
        if opening.peek().is_some() {
            let keep_newest = opening.all(|opening| opening.drop_oldest);
            self.early.keep(method, event, keep_newest);
            return Taken::Ours(None, None);
        }
        match self.given_up.values().any(|subscribe| &*subscribe.notify == method) {
            true => Taken::Ours(None, None),
            false => Taken::NotOurs,
        }
    }

    fn deliver(&mut self, call: u64, event: &SubscriptionEvent<'_>) -> Taken<W> {
        let Some(subscription) = self.subscriptions.get_mut(&call) else { return Taken::NotOurs };
        let before = subscription.unread();
        let most = self.max_bytes.saturating_sub(self.unread - before);
        let pushed = match event.content {
            EventContent::Item(item) => subscription.push(item.as_bytes(), most),
            EventContent::Error(error) => subscription.end(end_of(error)),
            EventContent::Malformed => subscription.end_undecodable(),
        };
        self.unread = self.unread - before + subscription.unread();
        let waker = subscription.take_waker();
        let unsubscribe = match pushed {
            Pushed::Kept => None,
            Pushed::Ended => {
                self.unroute(call);
                None
            }
            Pushed::Overflow => self.stop(call),
        };
        Taken::Ours(waker, unsubscribe)
    }

    /// Handles that a call is dropped before its consumer has the subscription, or is cancelled by its
    /// handle. `sent`: its request had been sent, and it has no reply.
    pub(crate) fn give_up(&mut self, call: u64, sent: bool) -> Option<Unsubscribe> {
        if let Some(subscribe) = self.opening.remove(&call) {
            self.forget_early(&subscribe.notify);
            if sent {
                self.given_up.insert(call, subscribe);
                if self.given_up.len() > MAX_GIVEN_UP {
                    self.given_up.pop_first();
                }
            }
            return None;
        }
        self.drop_consumer(call)
    }

    /// Cancels a subscription. Returns the task to wake.
    pub(crate) fn cancel(&mut self, call: u64) -> (Option<W>, Option<Unsubscribe>) {
        let Some(subscription) = self.subscriptions.get_mut(&call) else { return (None, None) };
        if subscription.has_ended() {
            return (None, None);
        }
        self.unread -= subscription.unread();
        subscription.cancel();
        let waker = subscription.take_waker();
        (waker, self.stop(call))
    }

    /// Whether an item or the end has arrived.
    pub(crate) fn has_next(&self, call: u64) -> bool {
        self.subscriptions.get(&call).is_none_or(Subscription::has_next)
    }

    /// The next item or the end. If there is none, registers the waker in `waker`, and leaves the one that
    /// was registered before there.
    pub(crate) fn poll_next(&mut self, call: u64, waker: &mut Option<W>) -> Poll<NextUpdate> {
        let Some(subscription) = self.subscriptions.get_mut(&call) else {
            return Poll::Ready(NextUpdate::End(End::Disconnected));
        };
        let before = subscription.unread();
        let next = subscription.poll_next(waker);
        self.unread = self.unread - before + subscription.unread();
        if matches!(next, Poll::Ready(NextUpdate::End(_))) {
            self.subscriptions.remove(&call);
        }
        next
    }

    /// Removes a subscription whose consumer was dropped, or cannot decode an item.
    pub(crate) fn drop_consumer(&mut self, call: u64) -> Option<Unsubscribe> {
        let unsubscribe = self.stop(call);
        if let Some(subscription) = self.subscriptions.remove(&call) {
            self.unread -= subscription.unread();
        }
        unsubscribe
    }

    /// Records that a call with this id, which ends a subscription, is queued.
    pub(crate) fn unsubscribed(&mut self, unsubscribe: Unsubscribe, call: u64) {
        self.leaving.insert(unsubscribe, call);
    }

    /// Ends all subscriptions, because the connection has ended. Items that have arrived may still be
    /// consumed. Returns the tasks to wake.
    pub(crate) fn disconnect(&mut self) -> Vec<W> {
        self.opening.clear();
        self.given_up.clear();
        self.early = Early::default();
        self.live.clear();
        self.leaving = Leaving::default();
        let subscriptions = self.subscriptions.values_mut();
        subscriptions
            .filter_map(|subscription| {
                subscription.end(End::Disconnected);
                subscription.take_waker()
            })
            .collect()
    }

    /// The number of subscriptions that have not ended.
    pub(crate) fn live(&self) -> usize {
        self.live.values().map(Vec::len).sum()
    }

    /// Stops a subscription. `None` if it had ended.
    fn stop(&mut self, call: u64) -> Option<Unsubscribe> {
        self.unroute(call)?;
        let subscription = self.subscriptions.get(&call)?;
        let (subscribe, id) = (subscription.subscribe().clone(), subscription.id().clone());
        Some(self.leave(&subscribe, id, call))
    }

    fn leave(&self, subscribe: &Subscribe, id: Id, call: u64) -> Unsubscribe {
        Unsubscribe { method: subscribe.unsubscribe.clone(), id, notify: subscribe.notify.clone(), call }
    }

    fn find(&self, method: &str, id: &Id) -> Option<u64> {
        let live = self.live.get(id)?;
        live.iter().find(|(notify, _)| &**notify == method).map(|(_, call)| *call)
    }

    /// Stops looking up the notifications of a subscription. `None` if it had ended.
    fn unroute(&mut self, call: u64) -> Option<()> {
        let id = self.subscriptions.get(&call)?.id();
        let live = self.live.get_mut(id)?;
        let position = live.iter().position(|(_, other)| *other == call)?;
        live.swap_remove(position);
        if live.is_empty() {
            let id = id.clone();
            self.live.remove(&id);
        }
        Some(())
    }

    /// Drops the early notifications with a method, if no call waits for them.
    fn forget_early(&mut self, notify: &str) {
        if self.opening.is_empty() {
            self.early = Early::default();
        } else if !self.opening.values().any(|opening| &*opening.notify == notify) {
            self.early.forget(notify);
        }
    }
}

#[cfg(any(test, feature = "__internals"))]
impl<W> OutgoingSubscriptions<W> {
    /// Checks the limits, for events of at most `largest` bytes.
    pub(crate) fn check_bounds(&self, largest: u64) {
        let unread: u64 = self.subscriptions.values().map(Subscription::unread).sum();
        assert_eq!(unread, self.unread);
        // Early notifications have a limit of their own.
        let early = self.subscriptions.len() as u64 * early::MAX_BYTES as u64;
        assert!(unread <= self.max_bytes + early + largest, "{unread} bytes are unread");
        self.early.check_bounds(largest);
        assert!(self.given_up.len() <= MAX_GIVEN_UP);
        self.leaving.check_bounds();
        assert!(!self.opening.is_empty() || self.early.is_empty(), "no call waits for early notifications");
    }

    /// Whether nothing is left.
    pub(crate) fn is_at_rest(&self) -> bool {
        let calls = self.opening.is_empty() && self.given_up.is_empty();
        let rest = self.subscriptions.is_empty() && self.live.is_empty() && self.unread == 0;
        calls && rest && self.early.is_empty() && self.leaving.is_empty()
    }
}

#[cfg(test)]
#[path = "../outgoing_subscriptions_tests.rs"]
mod tests;
