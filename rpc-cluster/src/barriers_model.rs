//! Checks [`Barriers`] with servers that answer late, never or twice, come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use crate::barriers::{Barriers, JoinId, Joined, TIMEOUT};
use crate::node_id::NodeId;

#[derive(Clone, Debug)]
enum Step {
    Subscribed,
    Forget(u8),
    /// A server answers one of the barriers that were ever published.
    Answer(u8, u8),
    Heard(u8),
    Gone(u8),
    Lost,
    Restored,
    /// So many milliseconds pass.
    Wait(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let node = 0..3_u8;
    let step = prop_oneof![
        6 => Just(Step::Subscribed),
        1 => any::<u8>().prop_map(Step::Forget),
        8 => (node.clone(), any::<u8>()).prop_map(|(node, barrier)| Step::Answer(node, barrier)),
        2 => node.clone().prop_map(Step::Heard),
        1 => node.prop_map(Step::Gone),
        1 => Just(Step::Lost),
        1 => Just(Step::Restored),
        6 => prop_oneof![0..5_u16, 0..1200_u16].prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..100)
}

#[derive(Default)]
struct World {
    table: Barriers,
    now: Duration,
    next_join: JoinId,
    /// The joins that wait, and the last barrier that was published before their subscription.
    waiting: BTreeMap<JoinId, u64>,
    since: BTreeMap<JoinId, Duration>,
    nodes: BTreeSet<u8>,
    /// When each server was last heard, to know who is suspect.
    suspects: BTreeSet<u8>,
    /// The barriers: when each was published, who had to answer, and who has.
    barriers: Vec<(Duration, BTreeSet<u8>, BTreeSet<u8>)>,
    is_lost: bool,
}

fn id(node: u8) -> NodeId {
    NodeId(node.into())
}

impl World {
    fn run(&mut self, step: &Step) {
        match *step {
            Step::Subscribed => {
                self.next_join += 1;
                let last = self.barriers.len() as u64;
                self.waiting.insert(self.next_join, last);
                self.since.insert(self.next_join, self.now);
                self.table.handle_subscribed(self.next_join);
            }
            Step::Forget(index) => {
                let Some(index) = usize::from(index).checked_rem(self.waiting.len()) else { return };
                let join = *self.waiting.keys().nth(index).expect("it is there");
                self.waiting.remove(&join);
                self.table.forget(join);
            }
            Step::Answer(node, barrier) => {
                let Some(index) = usize::from(barrier).checked_rem(self.barriers.len()) else { return };
                // A server answers once it is there, and its answers name barriers that were published.
                self.heard(node);
                self.barriers[index].2.insert(node);
                self.table.handle_answer(id(node), index as u64 + 1);
            }
            Step::Heard(node) => {
                self.heard(node);
                self.table.handle_heard(id(node));
            }
            Step::Gone(node) => {
                self.nodes.remove(&node);
                self.suspects.remove(&node);
                // One that comes again later does not answer the barriers of before.
                for (_, asked, _) in &mut self.barriers {
                    asked.remove(&node);
                }
                self.table.handle_gone(id(node));
            }
            Step::Lost => {
                self.is_lost = true;
                self.table.handle_lost();
            }
            Step::Restored => {
                self.is_lost = false;
                self.table.handle_restored();
            }
            Step::Wait(milliseconds) => self.wait(Duration::from_millis(milliseconds.into())),
        }
        self.settle();
    }

    fn heard(&mut self, node: u8) {
        self.nodes.insert(node);
        self.suspects.remove(&node);
    }

    /// Time passes, and the table is told of each moment that it has asked for.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.table.next_time().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.table.handle_time(self.now);
            self.suspects = self.table.suspects().iter().map(|node| node.0 as u8).collect();
            self.settle();
            assert!(self.table.next_time().is_none_or(|after| after > self.now), "it makes no progress");
        }
        self.now = end;
    }

    /// Publishes the barrier that is due, and takes the joins that have ended.
    fn settle(&mut self) {
        self.take_ended();
        while let Some(barrier) = self.table.poll_barrier(self.now) {
            assert_eq!(barrier.number, self.barriers.len() as u64 + 1);
            assert!(!self.is_lost, "it cannot be published");
            let asked: BTreeSet<u8> = self.nodes.difference(&self.suspects).copied().collect();
            if let Some((at, ..)) = self.barriers.last() {
                assert!(self.now >= *at);
            }
            self.barriers.push((self.now, asked, BTreeSet::new()));
            self.table.handle_published(barrier.number, true, self.now);
            self.take_ended();
        }
        // With nobody to ask, a barrier is complete at once and is not published.
        self.take_ended();
    }

    fn take_ended(&mut self) {
        while let Some((join, joined)) = self.table.poll_ended() {
            let before = self.waiting.remove(&join).expect("it ends once, and not after it was forgotten");
            match joined {
                Joined::Unreachable => assert!(self.is_lost),
                Joined::Proved => {
                    let proves = |(number, barrier): (usize, &(Duration, BTreeSet<u8>, BTreeSet<u8>))| {
                        let (at, asked, answered) = barrier;
                        let is_later = number as u64 >= before;
                        let excused = |node: &u8| {
                            !self.nodes.contains(node)
                                || self.suspects.contains(node)
                                || self.now >= *at + TIMEOUT
                        };
                        is_later && asked.iter().all(|node| answered.contains(node) || excused(node))
                    };
                    let nobody = self.nodes.difference(&self.suspects).next().is_none();
                    let is_proved = self.barriers.iter().enumerate().any(proves);
                    assert!(is_proved || nobody, "no barrier after its subscription proves it");
                }
            }
            let since = self.since[&join];
            assert!(self.now - since <= 3 * TIMEOUT, "it has taken {:?}", self.now - since);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_join_ends_once_and_soon_and_is_proved_by_a_later_barrier(steps in steps()) {
        let mut world = World::default();
        for step in &steps {
            world.run(step);
        }
        world.run(&Step::Wait(3000));
        prop_assert!(world.is_lost || world.waiting.is_empty(), "{:?} wait", world.waiting);
    }
}

#[test]
fn a_burst_of_joins_costs_two_barriers() {
    let mut table = Barriers::default();
    table.handle_heard(NodeId(1));
    let now = Duration::from_secs(5);
    let mut published = 0;
    for join in 0..1000 {
        table.handle_subscribed(join);
        published += usize::from(publish(&mut table, now));
    }
    assert_eq!(published, 1);
    table.handle_answer(NodeId(1), 1);
    let at = table.next_time().expect("the rest waits");
    assert!(publish(&mut table, at));
    table.handle_answer(NodeId(1), 2);
    assert_eq!(std::iter::from_fn(|| table.poll_ended()).count(), 1000);
    assert_eq!(table.next_time(), None);
}

/// Publishes the barrier that is due. Returns whether one is.
fn publish(table: &mut Barriers, now: Duration) -> bool {
    let barrier = table.poll_barrier(now);
    barrier.map(|barrier| table.handle_published(barrier.number, true, now)).is_some()
}

#[test]
fn a_barrier_that_the_engine_does_not_take_proves_nothing_and_blames_nobody() {
    let mut table = Barriers::default();
    table.handle_heard(NodeId(1));
    table.handle_subscribed(1);
    let barrier = table.poll_barrier(Duration::ZERO).expect("a server has to answer");
    table.handle_time(10 * TIMEOUT);
    assert_eq!((table.poll_ended(), table.next_time()), (None, None), "it is not out yet");
    table.handle_published(barrier.number, false, 10 * TIMEOUT);
    assert_eq!(table.poll_ended(), Some((1, Joined::Unreachable)));
    assert!(table.suspects().is_empty());
    table.handle_subscribed(2);
    assert!(publish(&mut table, 10 * TIMEOUT), "the next join has a barrier of its own");
}

#[test]
fn a_server_that_does_not_answer_delays_joins_once() {
    let mut table = Barriers::default();
    table.handle_heard(NodeId(1));
    table.handle_heard(NodeId(2));
    table.handle_subscribed(1);
    assert!(publish(&mut table, Duration::ZERO));
    table.handle_answer(NodeId(1), 1);
    assert_eq!(table.poll_ended(), None);
    table.handle_time(TIMEOUT);
    assert_eq!(table.poll_ended(), Some((1, Joined::Proved)));
    table.handle_subscribed(2);
    assert!(publish(&mut table, TIMEOUT));
    table.handle_answer(NodeId(1), 2);
    assert_eq!(table.poll_ended(), Some((2, Joined::Proved)), "the suspect is left out");
    table.handle_heard(NodeId(2));
    table.handle_subscribed(3);
    assert!(publish(&mut table, 2 * TIMEOUT));
    table.handle_answer(NodeId(1), 3);
    assert_eq!(table.poll_ended(), None, "it has been heard again, and must answer");
}
