//! The subscriptions of one connection that this side has made in Ethereum's form, at a peer that does not
//! speak `birpc.v1`. Pure state: no socket, no task, no clock.
//!
//! A call subscribes, and its reply has the id of the subscription. Notifications bring the items: they are
//! of a subscription if their method is the one that its items come under, and their params have its id. A
//! peer may send them before the reply ([`early`]). Nothing limits what a peer sends here, so what is unread
//! is bounded: past the bound a subscription ends, or forgets its oldest items.
//!
//! This side knows a subscription by the id of the call that made it. Methods that end something give whom to
//! wake. `W` is that; it is dropped and woken by the caller, where no lock is held.

mod early;
mod leaving;
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

pub(crate) use subscription::{NextUpdate, Subscribe};

/// The longest id that a peer may give a subscription, in bytes of its JSON text.
const MAX_ID: usize = 1 << 10;

/// How many calls that were given up are remembered, so that what their replies name is unsubscribed.
const MAX_GIVEN_UP: usize = 256;

/// A subscription that the peer is to be told to end: the method, and the id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsubscribe {
    pub(crate) method: Arc<str>,
    pub(crate) id: Id,
    /// The method of its notifications, which are ignored until the peer has answered.
    notify: Arc<str>,
    /// The call that had made it.
    call: u64,
}

/// What a reply was to the subscriptions of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Replied {
    /// It was of no call that subscribes.
    NotOurs,
    /// The call has subscribed, or was refused.
    Done,
    /// The result is no id that can be used: why.
    Invalid(&'static str),
}

/// What a notification was to them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<W> {
    /// It is of no subscription.
    NotOurs,
    Ours(Option<W>, Option<Unsubscribe>),
}

#[derive(Clone, Debug)]
pub(crate) struct OutgoingSubscriptions<W> {
    /// How many bytes of items may be unread in all.
    max_bytes: u64,
    unread: u64,
    /// The calls that have no reply yet.
    opening: BTreeMap<u64, Subscribe>,
    /// Those that were given up after they had been sent.
    given_up: BTreeMap<u64, Subscribe>,
    early: Early,
    /// Until their consumers have had the end, or are gone.
    subscriptions: BTreeMap<u64, Subscription<W>>,
    /// The subscriptions that have not ended, by their ids: the method of the notifications, and the call.
    /// Hardly ever is there more than one with an id.
    live: FxHashMap<Id, Vec<(Arc<str>, u64)>>,
    leaving: Leaving,
}

impl<W> OutgoingSubscriptions<W> {
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self {
            // With nothing at all no item could ever come.
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

    /// The reply to a call of ours: its result, or `None` for an error. Gives what it was, and the
    /// subscription that is to be ended, if there is one.
    pub(crate) fn handle_reply(&mut self, call: u64, result: Option<&str>) -> (Replied, Option<Unsubscribe>) {
        if self.leaving.answered(call) {
            return (Replied::Done, None);
        }
        if let Some(subscribe) = self.given_up.remove(&call) {
            let id = result.and_then(parse_subscription_id);
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
            let unsubscribe = self.leave(subscribe, id, call);
            return (Replied::Invalid("the id of the subscription is longer than 1 KiB"), Some(unsubscribe));
        }
        if self.find(&subscribe.notify, &id).is_some() {
            // To unsubscribe would end the other one.
            return (Replied::Invalid("the peer has given the id of another subscription"), None);
        }
        self.leaving.forget(&subscribe.notify, &id);
        let mut subscription = Subscription::new(subscribe.clone(), id.clone());
        let (kept, missed) = self.early.take(&subscribe.notify, &id);
        let outcome = subscription.begin(kept, missed);
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

    /// A notification.
    pub(crate) fn handle_notification(&mut self, method: &str, params: Option<&str>) -> Taken<W> {
        let Some(event) = SubscriptionEvent::parse(params) else { return Taken::NotOurs };
        if let Some(call) = self.find(method, &event.id) {
            return self.deliver(call, &event);
        }
        if let Some(call) = self.leaving.find(method, &event.id) {
            // Its consumer may not have read yet that it has lost items.
            if let Some(subscription) = self.subscriptions.get_mut(&call) {
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

    /// A call is given up before its consumer has had what it opens, or a handle cancels it. `sent`: its
    /// request had been sent, and it has no reply.
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

    /// A handle cancels a subscription. Gives whom to wake.
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

    /// Whether an item or the end is here.
    pub(crate) fn has_next(&self, call: u64) -> bool {
        self.subscriptions.get(&call).is_none_or(Subscription::has_next)
    }

    /// The next item, or the end. While there is none, `waker` is taken, and the one before it is given back
    /// in its place.
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

    /// The consumer is gone, or cannot read what comes.
    pub(crate) fn drop_consumer(&mut self, call: u64) -> Option<Unsubscribe> {
        let unsubscribe = self.stop(call);
        if let Some(subscription) = self.subscriptions.remove(&call) {
            self.unread -= subscription.unread();
        }
        unsubscribe
    }

    /// The peer is told to end a subscription, by a call with this id.
    pub(crate) fn unsubscribed(&mut self, unsubscribe: Unsubscribe, call: u64) {
        self.leaving.insert(unsubscribe, call);
    }

    /// The connection has ended. What has come may still be taken. Gives whom to wake.
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

    /// Subscriptions that have not ended here.
    #[cfg(any(test, feature = "__internals"))]
    pub(crate) fn live(&self) -> usize {
        self.live.values().map(Vec::len).sum()
    }

    /// Nothing more comes of a subscription; `None` if it had ended.
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

    /// Its notifications are not looked for any more; `None` if they were not.
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

    /// Forgets what came under a method before its time, once no call waits for it.
    fn forget_early(&mut self, notify: &str) {
        if !self.opening.values().any(|opening| &*opening.notify == notify) {
            self.early.forget(notify);
        }
    }
}

#[cfg(any(test, feature = "__internals"))]
impl<W> OutgoingSubscriptions<W> {
    /// What may be held is not exceeded, if an event has at most so many bytes.
    pub(crate) fn check_bounds(&self, largest: u64) {
        let unread: u64 = self.subscriptions.values().map(Subscription::unread).sum();
        assert_eq!(unread, self.unread);
        // What came early was bounded for itself.
        let early = self.subscriptions.len() as u64 * early::MAX_BYTES as u64;
        assert!(unread <= self.max_bytes + early + largest, "{unread} bytes are unread");
        self.early.check_bounds(largest);
        assert!(self.given_up.len() <= MAX_GIVEN_UP);
        self.leaving.check_bounds();
        assert!(!self.opening.is_empty() || self.early.is_empty(), "nobody waits for what came early");
    }

    /// Whether nothing at all is left.
    pub(crate) fn is_at_rest(&self) -> bool {
        let calls = self.opening.is_empty() && self.given_up.is_empty();
        let rest = self.subscriptions.is_empty() && self.live.is_empty() && self.unread == 0;
        calls && rest && self.early.is_empty() && self.leaving.is_empty()
    }
}

#[cfg(test)]
#[path = "../outgoing_subscriptions_tests.rs"]
mod tests;
