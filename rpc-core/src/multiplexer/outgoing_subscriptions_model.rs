//! Checks the table of this side's subscriptions against a model, with a peer that sends anything. The limits
//! hold. Each consumer gets items in order, none of them twice, and the ends that its subscription may have.
//! Each item that it does not get is a part of a number of missing ones. Each subscription that this side
//! leaves is ended at the peer once, and nothing is left. The property test and the fuzz target `multiplexer`
//! make the steps.

use std::collections::BTreeMap;
use std::task::Poll;

use super::outgoing_subscriptions_counts::{Account, EarlyAccounts, Owner, forget_oldest};
use super::streams::End;
use super::{NextUpdate, OutgoingSubscriptions, Replied, Subscribe, Taken, Unsubscribe};
use crate::message::Totals;

/// What happens; a number picks a call of ours, an id or a method of the peer's.
#[derive(Clone, Debug)]
pub enum Step {
    /// We make a call that subscribes.
    Call {
        /// The method of its notifications, of which there are two.
        notify: bool,
        /// What happens to items past its window.
        drop_oldest: bool,
    },
    /// The peer answers a call of ours that subscribes or unsubscribes, or one that does not exist.
    Reply {
        /// Which.
        call: u8,
        /// What the result is: an id, something else, or an error.
        result: u8,
    },
    /// The peer notifies.
    Notify {
        /// The method.
        notify: bool,
        /// The id.
        id: u8,
        /// Picks the content of the params, and the size of an item.
        content: u8,
    },
    /// A consumer is polled.
    Consume(u8),
    /// A consumer is dropped, or a call that is unanswered.
    Drop(u8),
    /// A handle cancels.
    Cancel(u8),
    /// The connection ends.
    Disconnect,
}

/// Takes the steps, one after the other.
///
/// # Panics
/// If the table does what it must not.
pub fn check(steps: impl IntoIterator<Item = Step>) {
    let mut checked = Checked::default();
    for step in steps {
        checked.run(&step);
        checked.table.check_bounds(LARGEST);
    }
    checked.finish();
}

/// The maximum size of a notification, with its id.
const LARGEST: u64 = 5_000;

const NAMES: [&str; 2] = ["a_subscription", "b_subscription"];

struct Checked {
    table: OutgoingSubscriptions<()>,
    next_call: u64,
    next_item: u64,
    /// What the application still holds.
    calls: BTreeMap<u64, Model>,
    /// The subscriptions that the peer has: the method, the id and the call, if that is known.
    at_peer: Vec<(usize, u8, u64)>,
    /// Calls whose reply may still open something that nobody holds.
    given_up: BTreeMap<u64, usize>,
    /// Calls that end a subscription, with the method, the id, and the call that had subscribed. They are
    /// forgotten if the peer uses the id again.
    leaving: BTreeMap<u64, Option<(usize, u8, u64)>>,
    early: EarlyAccounts,
    over: bool,
}

/// A call of ours that subscribes, and what it opened.
struct Model {
    notify: usize,
    opened: Option<u8>,
    account: Account,
    /// Whether items may be missing in its middle.
    drop_oldest: bool,
    ended: Option<End>,
}

impl Default for Checked {
    fn default() -> Self {
        Self {
            table: OutgoingSubscriptions::new(20_000),
            next_call: 1,
            next_item: 0,
            calls: BTreeMap::new(),
            at_peer: Vec::new(),
            given_up: BTreeMap::new(),
            leaving: BTreeMap::new(),
            early: EarlyAccounts::default(),
            over: false,
        }
    }
}

impl Checked {
    fn run(&mut self, step: &Step) {
        match *step {
            Step::Call { .. } | Step::Reply { .. } | Step::Notify { .. } if self.over => {}
            Step::Call { notify, drop_oldest } => self.call(usize::from(notify), drop_oldest),
            Step::Reply { call, result } => self.reply(u64::from(call), result),
            Step::Notify { notify, id, content } => self.notify(usize::from(notify), id % 4, content),
            Step::Consume(index) => self.consume(index),
            Step::Drop(index) => self.drop(index),
            Step::Cancel(index) => {
                let Some(call) = self.pick(index) else { return };
                let (_, unsubscribe) = self.table.cancel(call);
                // One that the peer has ended already is not cancelled: its items and its end are read.
                if let Some(model) = self.calls.get_mut(&call)
                    && model.opened.is_some()
                    && unsubscribe.is_some()
                {
                    model.ended.get_or_insert(End::Cancelled);
                }
                self.leave(unsubscribe, call);
                self.forget_early();
            }
            Step::Disconnect => {
                self.table.disconnect();
                self.over = true;
                self.at_peer.clear();
                self.given_up.clear();
                self.leaving.clear();
                // Calls that are unanswered end by themselves.
                self.calls.retain(|_, model| model.opened.is_some());
                for model in self.calls.values_mut() {
                    model.ended.get_or_insert(End::Disconnected);
                }
            }
        }
    }

    fn pick(&self, index: u8) -> Option<u64> {
        self.calls.keys().nth(usize::from(index) % self.calls.len().max(1)).copied()
    }

    fn call(&mut self, notify: usize, drop_oldest: bool) {
        let call = self.next_call;
        self.next_call += 1;
        let window = Totals { items: 3, bytes: 8_000 };
        let (method, unsubscribe) = (NAMES[notify].into(), format!("un{}", NAMES[notify]).into());
        self.table.open_call(call, Subscribe { notify: method, unsubscribe, window, drop_oldest });
        let model = Model { notify, opened: None, account: Account::default(), drop_oldest, ended: None };
        self.calls.insert(call, model);
    }

    fn reply(&mut self, call: u64, result: u8) {
        let id = result % 4;
        let live = self.table.live();
        let text = match result % 8 {
            6 => Some("null".to_owned()),
            7 => None,
            _ => Some(format!("\"{id}\"")),
        };
        let (replied, unsubscribe) = self.table.handle_reply(call, text.as_deref());
        let is_id = text.as_deref().is_some_and(|text| text != "null");
        if self.leaving.remove(&call).is_some() {
            assert_eq!((replied, unsubscribe), (Replied::Done, None));
            return;
        }
        let is_taken = |at_peer: &[(usize, u8, u64)], notify| {
            at_peer.iter().any(|(other, taken, _)| (*other, *taken) == (notify, id))
        };
        if let Some(notify) = self.given_up.remove(&call) {
            let leaves = is_id && !is_taken(&self.at_peer, notify);
            assert_eq!((replied, unsubscribe.is_some()), (Replied::Done, leaves));
            self.note_leaving(unsubscribe, Some((notify, id, call)));
            return;
        }
        let unanswered = self.calls.get_mut(&call).filter(|model| model.opened.is_none());
        let Some(model) = unanswered else {
            assert_eq!((replied, unsubscribe), (Replied::NotOurs, None));
            return;
        };
        let notify = model.notify;
        if is_id && !is_taken(&self.at_peer, notify) {
            assert_eq!(replied, Replied::Done);
            model.opened = Some(id);
            model.account = self.early.take(notify, id);
            for left in self.leaving.values_mut() {
                left.take_if(|(of, reused, _)| (*of, *reused) == (notify, id));
            }
            // Else the peer had ended it before its reply.
            if self.table.live() > live || unsubscribe.is_some() {
                self.at_peer.push((notify, id, call));
            }
        } else {
            assert_eq!(matches!(replied, Replied::Invalid(_)), text.is_some());
            self.calls.remove(&call);
        }
        self.leave(unsubscribe, call);
        self.forget_early();
    }

    fn notify(&mut self, notify: usize, id: u8, content: u8) {
        self.next_item += 1;
        // Its number, and so many bytes that a few fill the window.
        let item = format!("\"{:0>width$}\"", self.next_item, width = 8 + usize::from(content % 4) * 1_000);
        let params = match content % 16 {
            14 => format!("{{\"subscription\":\"{id}\",\"error\":\"gone\"}}"),
            15 => format!("{{\"subscription\":\"{id}\"}}"),
            _ => format!("{{\"subscription\":\"{id}\",\"result\":{item}}}"),
        };
        let number = self.next_item;
        let owner = self.account(notify, id, &params).map(|(account, owner)| {
            match content % 16 {
                14 | 15 if owner == Owner::Left => {}
                14 | 15 => account.end(),
                _ => account.send(number),
            }
            owner
        });
        match self.table.handle_notification(NAMES[notify], Some(&params)) {
            Taken::NotOurs => assert_eq!(owner, None),
            Taken::Ours(_, unsubscribe) => match owner {
                Some(Owner::Live(call)) => self.leave(unsubscribe, call),
                _ => assert_eq!(unsubscribe, None),
            },
        }
        if content % 16 == 14 {
            self.at_peer.retain(|(other, ended, _)| (*other, *ended) != (notify, id));
        }
    }

    fn consume(&mut self, index: u8) {
        let Some(call) = self.pick(index) else { return };
        let Some(model) = self.calls.get_mut(&call).filter(|model| model.opened.is_some()) else { return };
        match self.table.poll_next(call, &mut Some(())) {
            Poll::Pending => assert!(model.ended.is_none(), "{:?} is told", model.ended),
            Poll::Ready(NextUpdate::Item(item)) => {
                let text: String = serde_json::from_slice(&item).expect("a string");
                model.account.read(text.parse().expect("a number"));
                assert_ne!(model.ended, Some(End::Cancelled), "what came before is dropped");
            }
            Poll::Ready(NextUpdate::Missed(missed)) => {
                assert!(missed > 0 && model.drop_oldest);
                model.account.miss(missed);
            }
            Poll::Ready(NextUpdate::End(end)) => {
                match &end {
                    End::Lagged { missed } => {
                        // The end of one that drops its oldest may be among those that were dropped.
                        assert!(*missed > 0 && (!model.drop_oldest || model.account.is_rough()));
                        model.account.miss(*missed);
                    }
                    End::Cancelled | End::Disconnected => assert_eq!(model.ended.as_ref(), Some(&end)),
                    End::Error(error) => assert_eq!(error.message(), "gone"),
                    End::Undecodable(_) => {}
                    End::Complete => panic!("nothing on this wire is a complete end"),
                }
                if end != End::Cancelled {
                    model.account.finish();
                }
                self.calls.remove(&call);
                // Those that the peer had ended are gone from it.
                self.at_peer.retain(|(_, _, other)| *other != call);
            }
        }
    }

    fn drop(&mut self, index: u8) {
        let Some(call) = self.pick(index) else { return };
        let Some(model) = self.calls.remove(&call) else { return };
        let unsubscribe = self.table.give_up(call, true);
        if model.opened.is_none() {
            assert_eq!(unsubscribe, None, "there is no id yet");
            self.given_up.insert(call, model.notify);
            forget_oldest(&mut self.given_up);
        }
        self.leave(unsubscribe, call);
        self.forget_early();
        self.at_peer.retain(|(_, _, other)| *other != call);
    }

    /// Where a notification is counted. `None` if it is nobody's, or of one whose consumer was dropped.
    fn account(&mut self, notify: usize, id: u8, params: &str) -> Option<(&mut Account, Owner)> {
        let is_it = |(of, other, _): &&(usize, u8, u64)| (*of, *other) == (notify, id);
        if let Some((.., call)) = self.at_peer.iter().find(is_it) {
            let model = self.calls.get_mut(call)?;
            return Some((&mut model.account, Owner::Live(*call)));
        }
        if let Some((.., call)) = self.leaving.values().flatten().find(is_it) {
            let model = self.calls.get_mut(call)?;
            return Some((&mut model.account, Owner::Left));
        }
        let waits = |model: &Model| model.notify == notify && model.opened.is_none();
        self.calls.values().any(waits).then(|| (self.early.of(notify, id, params.len()), Owner::Unknown))
    }

    /// Early notifications are dropped if no call waits for them.
    fn forget_early(&mut self) {
        for notify in 0..NAMES.len() {
            let mut waiting = self.calls.values().filter(|model| model.opened.is_none()).peekable();
            let none_waits = waiting.peek().is_none();
            if !waiting.any(|model| model.notify == notify) {
                self.early.forget(notify, none_waits);
            }
        }
    }

    /// The peer is told to end a subscription that it has, of this call.
    fn leave(&mut self, unsubscribe: Option<Unsubscribe>, call: u64) {
        let Some(unsubscribe) = unsubscribe else { return };
        let is_it = |(notify, id, of): &(usize, u8, u64)| {
            let is_named = unsubscribe.method.ends_with(NAMES[*notify]);
            is_named && unsubscribe.id.to_string() == format!("\"{id}\"") && *of == call
        };
        let position = self.at_peer.iter().position(is_it);
        let left = position.map(|at| self.at_peer.swap_remove(at));
        assert!(left.is_some(), "{unsubscribe:?} is told once");
        self.note_leaving(Some(unsubscribe), left);
    }

    fn note_leaving(&mut self, unsubscribe: Option<Unsubscribe>, left: Option<(usize, u8, u64)>) {
        let Some(unsubscribe) = unsubscribe else { return };
        let call = self.next_call;
        self.next_call += 1;
        self.table.unsubscribed(unsubscribe, call);
        self.leaving.insert(call, left);
        forget_oldest(&mut self.leaving);
    }

    /// All that the application holds is dropped, and the peer answers everything.
    fn finish(mut self) {
        while !self.calls.is_empty() {
            self.drop(0);
        }
        for call in 1..self.next_call {
            let (_, unsubscribe) = self.table.handle_reply(call, None);
            assert_eq!(unsubscribe, None);
        }
        assert!(self.table.is_at_rest(), "{:?}", self.table);
    }
}
