//! Checks the calls between two servers over an engine that loses, doubles and delays messages: each call
//! ends once, with the outcome of its own peer, and `sent: false` only if the peer was not called and never
//! will be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use crate::calls::{CallId, End, MadeCalls, NotMade, Order};
use crate::node_id::NodeId;
use crate::sequences::{Hearing, Numbering, Numbers, Verdict};
use crate::served_calls::ServedCalls;
use crate::topic::Topic;

const CALLER: NodeId = NodeId(1);
const SERVER: NodeId = NodeId(2);
const LIMIT: usize = 8;

#[derive(Clone, Debug)]
enum Step {
    /// A call to a peer that is connected or not, with a timeout in milliseconds; the engine may refuse it.
    Call {
        is_known: bool,
        timeout: u16,
        fails: bool,
    },
    Forget(u8),
    /// A message is delivered, in one of the directions; or lost, or delivered and kept.
    Deliver(u8),
    Lose(u8),
    Double(u8),
    /// A call that runs at the server ends.
    Finish(u8),
    Wait(u16),
    /// The caller's server believes that the other is dead, and hears it again.
    Gone,
    Back,
    /// The caller's server loses the engine, with what is under way, and reaches it again.
    Lost,
    Restored,
    /// What is under way is delivered, and all that runs ends.
    Calm,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let call = (any::<bool>(), 0..3000_u16, proptest::bool::weighted(0.1));
    let step = prop_oneof![
        8 => call.prop_map(|(known, timeout, fails)| Step::Call { is_known: known, timeout, fails }),
        1 => any::<u8>().prop_map(Step::Forget),
        12 => any::<u8>().prop_map(Step::Deliver),
        2 => any::<u8>().prop_map(Step::Lose),
        2 => any::<u8>().prop_map(Step::Double),
        6 => any::<u8>().prop_map(Step::Finish),
        3 => (0..1500_u16).prop_map(Step::Wait),
        1 => Just(Step::Gone),
        1 => Just(Step::Back),
        1 => Just(Step::Lost),
        1 => Just(Step::Restored),
        2 => Just(Step::Calm),
    ];
    proptest::collection::vec(step, 0..100)
}

#[derive(Clone, Debug)]
enum Word {
    Call { call: CallId, is_known: bool },
    Order(Order),
    Accepted(CallId),
    Unknown(CallId),
    Reply(CallId),
    Running { last: CallId, calls: BTreeSet<CallId> },
}

/// A message to the server (`true`) or to the caller.
#[derive(Clone, Debug)]
struct Message {
    to_server: bool,
    numbers: Numbers,
    word: Word,
}

struct World {
    now: Duration,
    made: MadeCalls<CallId>,
    served: ServedCalls,
    /// The numbers that each of them publishes with, and what it has heard of the other.
    caller: (Numbering, Hearing),
    server: (Numbering, Hearing),
    under_way: Vec<Message>,
    /// The calls that wait, and until when they may.
    waiting: BTreeMap<CallId, Duration>,
    /// Calls that ended as not sent, and those that have ever run.
    unsent: BTreeSet<CallId>,
    ran: BTreeSet<CallId>,
    is_lost: bool,
}

impl World {
    fn new() -> Self {
        let mut made = MadeCalls::new(LIMIT);
        made.handle_node(SERVER);
        let side = || (Numbering::new(8, 0), Hearing::default());
        Self {
            now: Duration::from_secs(1),
            made,
            served: ServedCalls::default(),
            caller: side(),
            server: side(),
            under_way: Vec::new(),
            waiting: BTreeMap::new(),
            unsent: BTreeSet::new(),
            ran: BTreeSet::new(),
            is_lost: false,
        }
    }

    fn publish(&mut self, to_server: bool, word: Word) {
        if self.is_lost {
            return;
        }
        let (numbering, to) = match to_server {
            true => (&mut self.caller.0, SERVER),
            false => (&mut self.server.0, CALLER),
        };
        let topic = Topic::Node(to);
        let numbers = numbering.number(&topic, self.now);
        numbering.published(&topic, numbers, self.now);
        self.under_way.push(Message { to_server, numbers, word });
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Call { is_known, timeout, fails } => self.call(is_known, timeout, fails),
            Step::Forget(index) => {
                let Some(index) = usize::from(index).checked_rem(self.waiting.len()) else { return };
                let call = *self.waiting.keys().nth(index).expect("it is there");
                self.waiting.remove(&call);
                self.made.forget(call);
            }
            Step::Deliver(index) => {
                if let Some(index) = usize::from(index).checked_rem(self.under_way.len()) {
                    let message = self.under_way.remove(index);
                    self.deliver(message);
                }
            }
            Step::Lose(index) => {
                if let Some(index) = usize::from(index).checked_rem(self.under_way.len()) {
                    self.under_way.remove(index);
                }
            }
            Step::Double(index) => {
                if let Some(index) = usize::from(index).checked_rem(self.under_way.len()) {
                    let message = self.under_way[index].clone();
                    self.deliver(message);
                }
            }
            Step::Finish(index) => {
                let running = self.served.of(CALLER);
                if let Some(index) = usize::from(index).checked_rem(running.len()) {
                    let call = *running.iter().nth(index).expect("it is there");
                    assert!(self.served.finish(CALLER, call));
                    self.publish(false, Word::Reply(call));
                }
            }
            Step::Wait(milliseconds) => {
                self.now += Duration::from_millis(milliseconds.into());
                self.made.handle_time(self.now);
                assert!(self.made.next_time().is_none_or(|next| next > self.now));
            }
            Step::Gone => self.made.handle_gone(SERVER),
            Step::Back => self.made.handle_node(SERVER),
            Step::Lost => {
                self.is_lost = true;
                self.under_way.clear();
                self.made.handle_lost();
            }
            Step::Restored => {
                self.is_lost = false;
                self.made.handle_restored();
            }
            Step::Calm => self.calm(),
        }
        self.settle();
    }

    fn call(&mut self, is_known: bool, timeout: u16, fails: bool) {
        let until = self.now + Duration::from_millis(timeout.into());
        let call = self.made.last_id() + 1;
        match self.made.make(call, SERVER, self.now, until) {
            Ok(()) => {
                self.waiting.insert(call, until);
                match fails {
                    true => self.made.handle_unpublished(call),
                    false => self.publish(true, Word::Call { call, is_known }),
                }
            }
            Err(NotMade::TooMany) => assert_eq!(self.made.len(), LIMIT),
            Err(NotMade::Unreachable) => assert!(self.is_lost),
            Err(NotMade::Gone) => {}
        }
    }

    fn deliver(&mut self, message: Message) {
        let Message { to_server, numbers, word } = message;
        let (hearing, from, topic) = match to_server {
            true => (&mut self.server.1, CALLER, Topic::Node(SERVER)),
            false => (&mut self.caller.1, SERVER, Topic::Node(CALLER)),
        };
        match hearing.hear(from, &topic, numbers, self.now) {
            Verdict::Late => return,
            Verdict::Gap if !to_server => self.made.handle_gap(SERVER),
            Verdict::Gap | Verdict::Next => {}
        }
        match word {
            Word::Call { call, is_known: true } => {
                assert!(self.ran.insert(call), "it runs twice");
                assert!(!self.unsent.contains(&call), "it was said not to be sent");
                assert!(self.served.begin(CALLER, call));
                self.publish(false, Word::Accepted(call));
            }
            Word::Call { call, is_known: false } => self.publish(false, Word::Unknown(call)),
            Word::Order(Order::Cancel { call }) => drop(self.served.cancel(CALLER, call)),
            Word::Order(Order::WhichRun { last }) => {
                let calls = self.served.of(CALLER);
                self.publish(false, Word::Running { last, calls });
            }
            Word::Accepted(call) => self.made.handle_accepted(SERVER, call),
            Word::Unknown(call) => self.made.handle_unknown(SERVER, call),
            Word::Reply(call) => drop(self.made.handle_reply(SERVER, call, call)),
            Word::Running { last, calls } => self.made.handle_running(SERVER, 0, last, &calls),
        }
    }

    fn settle(&mut self) {
        while let Some((node, order)) = self.made.poll_order() {
            assert_eq!(node, SERVER);
            self.publish(true, Word::Order(order));
        }
        while let Some((call, end)) = self.made.poll_ended() {
            let until = self.waiting.remove(&call).expect("it ends once, and not after it was forgotten");
            match end {
                End::Outcome(of) => assert!(of == call && self.ran.contains(&call), "another call's outcome"),
                End::TimedOut => assert!(self.now >= until),
                End::Disconnected { sent: true } => {}
                End::Disconnected { sent: false } => {
                    assert!(!self.ran.contains(&call), "it has run");
                    self.unsent.insert(call);
                }
            }
        }
    }

    /// Nothing more is lost: the messages arrive in their order, and what runs ends.
    fn calm(&mut self) {
        loop {
            while !self.under_way.is_empty() {
                let message = self.under_way.remove(0);
                self.deliver(message);
                self.settle();
            }
            let Some(call) = self.served.of(CALLER).first().copied() else { break };
            self.served.finish(CALLER, call);
            self.publish(false, Word::Reply(call));
            self.settle();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn each_call_ends_once_and_rightly(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
        }
        // Whatever was lost: a call ends at its timeout at the latest.
        world.run(&Step::Wait(3000));
        prop_assert!(world.waiting.is_empty() && world.made.is_empty(), "{:?} wait", world.waiting);
        world.served.handle_gone(CALLER);
        prop_assert!(world.served.is_empty());
    }
}

#[test]
fn a_reply_that_is_lost_is_noticed_with_the_next_message() {
    let mut world = World::new();
    let call = |world: &mut World| world.run(&Step::Call { is_known: true, timeout: 2999, fails: false });
    call(&mut world);
    world.run(&Step::Deliver(0)); // the call
    world.run(&Step::Deliver(0)); // Accepted
    world.run(&Step::Finish(0));
    world.run(&Step::Lose(0)); // the reply
    assert_eq!(world.waiting.len(), 1);
    call(&mut world);
    world.run(&Step::Calm);
    assert!(world.waiting.is_empty(), "the first has ended long before its timeout");
    assert_eq!(world.ran.len(), 2);
}
