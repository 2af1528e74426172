//! The table of what a connection has subscribed to in Ethereum's form, beside the calls that subscribe and
//! the queue for those that end a subscription.

use std::task::Waker;

use super::{QueuedFrame, State};
use crate::message::RequestText;
use crate::multiplexer::{Outcome, OutgoingSubscriptions, Replied, Unsubscribe};
use crate::redact::excerpt_of_reply;

/// The table of a connection, which is made for the first call that subscribes.
#[derive(Default)]
pub(super) struct SubscriptionTable(Option<Box<OutgoingSubscriptions<Waker>>>);

impl SubscriptionTable {
    /// `None` if nothing was ever subscribed.
    #[inline]
    pub(super) fn get(&mut self) -> Option<&mut OutgoingSubscriptions<Waker>> {
        self.0.as_deref_mut()
    }

    pub(super) fn or_new(&mut self, max_bytes: u64) -> &mut OutgoingSubscriptions<Waker> {
        self.0.get_or_insert_with(|| Box::new(OutgoingSubscriptions::new(max_bytes)))
    }

    /// The connection ends. Gives whom to wake.
    pub(super) fn disconnect(&mut self) -> Vec<Waker> {
        self.get().map(OutgoingSubscriptions::disconnect).unwrap_or_default()
    }
}

/// Takes the reply to a call that waits. Gives what the call gets, and whether the peer is told something.
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

/// Takes the reply to a call that nobody awaits; `false` if it is of no subscription.
#[cold]
pub(super) fn late_reply(state: &mut State, call: u64, outcome: &Outcome) -> bool {
    let Some(table) = state.subscriptions.get() else { return false };
    let (replied, left) = table.handle_reply(call, text_of(outcome));
    unsubscribe(state, left);
    replied != Replied::NotOurs
}

/// A call is given up before its caller has had its outcome. `sent`: the peer knows it, and has not replied.
/// Gives whether the peer is told something.
pub(super) fn give_up(state: &mut State, call: u64, sent: bool) -> bool {
    let left = state.subscriptions.get().and_then(|table| table.give_up(call, sent));
    unsubscribe(state, left)
}

/// A handle cancels what a call has subscribed to. Gives whom to wake, and whether the peer is told
/// something.
pub(super) fn cancel(state: &mut State, call: u64) -> (Option<Waker>, bool) {
    let Some(table) = state.subscriptions.get() else { return (None, false) };
    let (waker, left) = table.cancel(call);
    (waker, unsubscribe(state, left))
}

/// Queues the call that ends a subscription. It does not wait for room: there is one for each that was
/// opened.
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
