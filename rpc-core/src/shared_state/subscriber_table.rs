//! The table of subscriptions in Ethereum's form, together with the calls that subscribe and the queue for
//! those that end a subscription.

use std::task::Waker;

use super::{QueuedFrame, State};
use crate::message::RequestText;
use crate::multiplexer::{Outcome, OutgoingSubscriptions, Replied, Unsubscribe};
use crate::redact::excerpt_of_reply;

/// The table of a connection. It is created with the first call that subscribes.
#[derive(Default)]
pub(super) struct SubscriberTable(Option<Box<OutgoingSubscriptions<Waker>>>);

impl SubscriberTable {
    /// `None` if the connection has never subscribed.
    #[inline]
    pub(super) fn get(&mut self) -> Option<&mut OutgoingSubscriptions<Waker>> {
        self.0.as_deref_mut()
    }

    pub(super) fn or_new(&mut self, max_bytes: u64) -> &mut OutgoingSubscriptions<Waker> {
        self.0.get_or_insert_with(|| Box::new(OutgoingSubscriptions::new(max_bytes)))
    }

    /// Ends all subscriptions, because the connection ends. Returns the tasks to wake.
    pub(super) fn disconnect(&mut self) -> Vec<Waker> {
        self.get().map(OutgoingSubscriptions::disconnect).unwrap_or_default()
    }
}

/// Handles the reply to a call that is awaited. Returns the outcome for the call, and whether a message is
/// queued.
#[inline]
pub(super) fn reply_to_call(state: &mut State, call: u64, outcome: Outcome) -> (Outcome, bool) {
    match state.subscriptions.get() {
        None => (outcome, false),
        Some(_) => subscribed(state, call, outcome),
    }
}

#[cold]
fn subscribed(state: &mut State, call: u64, outcome: Outcome) -> (Outcome, bool) {
    let Some(table) = state.subscriptions.get() else { return (outcome, false) };
    let (replied, left) = table.handle_reply(call, text_of(&outcome));
    let told = unsubscribe(state, left);
    let outcome = match (replied, outcome) {
        (Replied::Invalid(why), Outcome::Result(text)) => {
            Outcome::Broken(why, excerpt_of_reply(&String::from_utf8_lossy(&text)).into())
        }
        (_, outcome) => outcome,
    };
    (outcome, told)
}

/// Handles the reply to a call that is not awaited. Returns `false` if it is not about a subscription.
#[cold]
pub(super) fn late_reply(state: &mut State, call: u64, outcome: &Outcome) -> bool {
    let Some(table) = state.subscriptions.get() else { return false };
    let (replied, left) = table.handle_reply(call, text_of(outcome));
    unsubscribe(state, left);
    replied != Replied::NotOurs
}

/// Handles that a call is dropped before its caller has its outcome. `sent`: the peer has the request and has
/// not replied. Returns whether a message is queued.
pub(super) fn give_up(state: &mut State, call: u64, sent: bool) -> bool {
    let left = state.subscriptions.get().and_then(|table| table.give_up(call, sent));
    unsubscribe(state, left)
}

/// Cancels the subscription of a call. Returns the task to wake, and whether a message is queued.
pub(super) fn cancel(state: &mut State, call: u64) -> (Option<Waker>, bool) {
    let Some(table) = state.subscriptions.get() else { return (None, false) };
    let (waker, left) = table.cancel(call);
    (waker, unsubscribe(state, left))
}

/// Queues the call that ends a subscription. It does not wait for room, since there is at most one for each
/// subscription.
pub(super) fn unsubscribe(state: &mut State, left: Option<Unsubscribe>) -> bool {
    let Some(left) = left.filter(|_| state.life.ending().is_none()) else { return false };
    // The method's name and an id always serialise.
    let Ok(request) = RequestText::encode(&left.method, &[&left.id]) else { return false };
    let call = state.calls.skip_id();
    state.write_queue.push(QueuedFrame::Frame(request.finish(call)));
    if let Some(table) = state.subscriptions.get() {
        table.unsubscribed(left, call);
    }
    true
}

fn text_of(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Result(text) => std::str::from_utf8(text).ok(),
        _ => None,
    }
}
