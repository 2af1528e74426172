//! Checks [`Hearing`] and [`Numbering`] over an engine that loses, doubles and delays messages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use crate::node_id::NodeId;
use crate::sequences::{Hearing, MEMORY, Numbering, Numbers, Verdict};
use crate::topic::Topic;

#[derive(Clone, Debug)]
enum Step {
    /// A server publishes on a topic; the engine may refuse.
    Publish {
        node: u8,
        topic: u8,
        fails: bool,
    },
    /// What is under way is delivered, lost, or delivered and kept for another time.
    Deliver(u8),
    Lose(u8),
    Double(u8),
    /// The receiver unsubscribes from a topic, and subscribes again.
    Resubscribe(u8),
    /// A server starts again, with another id.
    Restart(u8),
    Wait(u8),
    Forget,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (node, topic) = (0..2_u8, 0..2_u8);
    let step = prop_oneof![
        8 => (node.clone(), topic.clone(), proptest::bool::weighted(0.1))
            .prop_map(|(node, topic, fails)| Step::Publish { node, topic, fails }),
        8 => any::<u8>().prop_map(Step::Deliver),
        2 => any::<u8>().prop_map(Step::Lose),
        1 => any::<u8>().prop_map(Step::Double),
        1 => topic.prop_map(Step::Resubscribe),
        1 => node.prop_map(Step::Restart),
        2 => (0..70_u8).prop_map(Step::Wait),
        1 => Just(Step::Forget),
    ];
    proptest::collection::vec(step, 0..120)
}

#[derive(Clone)]
struct Message {
    node: NodeId,
    topic: u8,
    numbers: Numbers,
    /// Since which subscription of the receiver it is under way, and since when.
    subscription: u32,
    since: Duration,
}

#[derive(Default)]
struct Receiver {
    hearing: Hearing,
    subscriptions: [u32; 2],
    /// What was served since the receiver subscribed: the last of each server, and when.
    served: BTreeMap<(u8, NodeId), (u64, Duration)>,
    /// What was published since then, by topic and server.
    published: BTreeMap<(u8, NodeId), BTreeSet<u64>>,
    ever_served: BTreeSet<(u8, NodeId, u64)>,
}

struct World {
    now: Duration,
    nodes: [(NodeId, Numbering); 2],
    next_node: u128,
    under_way: Vec<Message>,
    receiver: Receiver,
}

fn topic(number: u8) -> Topic {
    Topic::Group(format!("group {number}").into())
}

impl World {
    fn new() -> Self {
        let node = |id| (NodeId(id), Numbering::new(2, 0));
        Self {
            now: Duration::ZERO,
            nodes: [node(1), node(2)],
            next_node: 3,
            under_way: Vec::new(),
            receiver: Receiver::default(),
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Publish { node, topic: number, fails } => self.publish(node, number, fails),
            Step::Deliver(index) => {
                if let Some(index) = self.pick(index) {
                    let message = self.under_way.remove(index);
                    self.deliver(&message);
                }
            }
            Step::Lose(index) => {
                if let Some(index) = self.pick(index) {
                    self.under_way.remove(index);
                }
            }
            Step::Double(index) => {
                if let Some(index) = self.pick(index) {
                    self.deliver(&self.under_way[index].clone());
                }
            }
            Step::Resubscribe(number) => {
                self.receiver.hearing.unsubscribed(&topic(number));
                self.receiver.subscriptions[usize::from(number)] += 1;
                self.receiver.served.retain(|(at, _), _| *at != number);
                self.receiver.published.retain(|(at, _), _| *at != number);
            }
            Step::Restart(node) => {
                let (id, numbering) = &mut self.nodes[usize::from(node)];
                let gone = *id;
                (*id, *numbering) = (NodeId(self.next_node), Numbering::new(2, 0));
                self.next_node += 1;
                // What a dead server has sent is ignored by the code that knows of its death.
                self.under_way.retain(|message| message.node != gone);
            }
            Step::Wait(seconds) => self.now += Duration::from_secs(seconds.into()),
            Step::Forget => self.receiver.hearing.forget_silent(self.now),
        }
    }

    fn publish(&mut self, node: u8, number: u8, fails: bool) {
        let (id, numbering) = &mut self.nodes[usize::from(node)];
        let numbers = numbering.number(&topic(number), self.now);
        if fails {
            return;
        }
        numbering.published(&topic(number), numbers, self.now);
        self.receiver.published.entry((number, *id)).or_default().insert(numbers.seq);
        let subscription = self.receiver.subscriptions[usize::from(number)];
        self.under_way.push(Message { node: *id, topic: number, numbers, subscription, since: self.now });
    }

    fn deliver(&mut self, message: &Message) {
        let Message { node, topic: number, numbers, subscription, since } = *message;
        // An engine ends a subscription together with what is under way for it, and delays nothing for long.
        if subscription != self.receiver.subscriptions[usize::from(number)] || self.now - since >= MEMORY {
            return;
        }
        let verdict = self.receiver.hearing.hear(node, &topic(number), numbers, self.now);
        let before = self.receiver.served.get(&(number, node)).copied();
        let missing = self.receiver.published.get(&(number, node)).is_some_and(|published| {
            let from = before.map_or(0, |(seq, _)| seq) + 1;
            published.range(from..).next().is_some_and(|seq| *seq < numbers.seq)
        });
        match verdict {
            Verdict::Late => {
                assert!(before.is_some_and(|(seq, _)| numbers.seq <= seq), "it was served in no way");
                return;
            }
            Verdict::Gap => assert!(before.is_some() && missing, "nothing is missing before {numbers:?}"),
            Verdict::Next => {
                let recently = before.is_some_and(|(_, at)| self.now - at < MEMORY);
                assert!(!(recently && missing), "{numbers:?} tells of no loss");
            }
        }
        assert!(self.receiver.ever_served.insert((number, node, numbers.seq)), "it was served twice");
        self.receiver.served.insert((number, node), (numbers.seq, self.now));
    }

    fn pick(&self, index: u8) -> Option<usize> {
        usize::from(index).checked_rem(self.under_way.len())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn losses_are_told_and_nothing_else(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
        }
        world.now += MEMORY;
        world.receiver.hearing.forget_silent(world.now);
        prop_assert!(world.receiver.hearing.is_empty());
    }
}

#[test]
fn a_loss_is_told_within_a_minute_and_a_publisher_remembers_for_longer() {
    let (mut numbering, mut hearing) = (Numbering::new(8, 0), Hearing::default());
    let (node, topic) = (NodeId(1), topic(0));
    let mut publish = |seconds| {
        let now = Duration::from_secs(seconds);
        let numbers = numbering.number(&topic, now);
        numbering.published(&topic, numbers, now);
        (numbers, now)
    };
    let (first, at) = publish(0);
    assert_eq!(hearing.hear(node, &topic, first, at), Verdict::Next);
    let _lost = publish(59);
    let (third, at) = publish(60);
    assert_eq!(third.prev, 2);
    assert_eq!(hearing.hear(node, &topic, third, at), Verdict::Next, "the receiver has forgotten the first");
    let _lost = publish(61);
    let (fifth, at) = publish(119);
    assert_eq!(hearing.hear(node, &topic, fifth, at), Verdict::Gap);
    assert_eq!(hearing.hear(node, &topic, fifth, at), Verdict::Late);
    assert_eq!(publish(238).0.prev, 5);
    assert_eq!(publish(358).0.prev, 0, "it claims nothing after two minutes");
}

#[test]
fn topics_beyond_the_limit_claim_nothing() {
    let mut numbering = Numbering::new(2, 0);
    for number in 0..4 {
        let numbers = numbering.number(&topic(number), Duration::ZERO);
        numbering.published(&topic(number), numbers, Duration::ZERO);
    }
    let now = Duration::from_secs(1);
    let prev = [0, 1, 2, 3].map(|number| numbering.number(&topic(number), now).prev);
    assert_eq!(prev, [1, 2, 0, 0]);
}
