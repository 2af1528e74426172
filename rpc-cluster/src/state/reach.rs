//! Which servers there are, and whether they reach this one: nodes, subscriptions and barriers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::outbox::{Outbox, Purpose};
use super::output::{Output, Ticket};
use crate::barriers::Barriers;
use crate::envelope::{LifeWord, Message};
use crate::interest::{Change, Interest};
use crate::node_id::NodeId;
use crate::nodes::{Heard, NodeInfo, Nodes};
use crate::topic::Topic;

/// How long a new server waits for the others to answer.
const START_WITHIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Reach {
    nodes: Nodes,
    interest: Interest,
    barriers: Barriers,
    phase: Phase,
    /// Whether the application must be told that messages may have been lost, once all is subscribed to.
    gap_due: bool,
    /// The groups of which it was told already.
    told_early: BTreeSet<Arc<str>>,
}

#[derive(Debug)]
enum Phase {
    /// The engine is lost, or is being subscribed to.
    Down {
        was_up: bool,
    },
    /// The other servers are being asked for.
    Starting(Starting),
    Up,
}

#[derive(Debug)]
struct Starting {
    until: Duration,
    named: BTreeSet<NodeId>,
    answered: BTreeSet<NodeId>,
}

impl Reach {
    pub(super) fn new(own: NodeId, now: Duration) -> Self {
        Self {
            nodes: Nodes::new(own, now),
            interest: Interest::new([Topic::All, Topic::Node(own)]),
            barriers: Barriers::default(),
            phase: Phase::Down { was_up: false },
            gap_due: false,
            told_early: BTreeSet::new(),
        }
    }

    pub(super) fn want(&mut self, topic: &Topic, is_wanted: bool) {
        self.interest.want(topic, is_wanted);
    }

    pub(super) fn wait(&mut self, topic: &Topic, ticket: Ticket) {
        self.interest.wait(topic, ticket);
    }

    pub(super) fn forget(&mut self, topic: &Topic, ticket: Ticket) {
        self.interest.forget(topic, ticket);
    }

    pub(super) fn handle_changed(
        &mut self,
        change: &Change,
        result: Result<(), crate::backplane::BackplaneError>,
    ) {
        self.interest.handle_changed(change, result);
    }

    /// Something of a server was heard.
    pub(super) fn handle_heard(&mut self, node: NodeId, is_understood: bool, now: Duration) -> Heard {
        let heard = self.nodes.handle_heard(node, is_understood, now);
        if heard != Heard::Ignored && is_understood {
            self.barriers.handle_heard(node);
        }
        heard
    }

    /// The list of a server that answers this one's hello.
    pub(super) fn handle_welcome(&mut self, node: NodeId, own: NodeId, named: Vec<NodeId>) {
        if let Phase::Starting(starting) = &mut self.phase {
            starting.answered.insert(node);
            starting.named.extend(named.into_iter().filter(|named| *named != own));
        }
    }

    pub(super) fn handle_barrier_published(&mut self, number: u64, is_taken: bool, now: Duration) {
        self.barriers.handle_published(number, is_taken, now);
    }

    pub(super) fn handle_passed(&mut self, node: NodeId, number: u64) {
        self.barriers.handle_answer(node, number);
    }

    pub(super) fn handle_gone(&mut self, node: NodeId) {
        self.barriers.handle_gone(node);
        if let Phase::Starting(starting) = &mut self.phase {
            starting.named.remove(&node);
        }
    }

    pub(super) fn handle_lost(&mut self) {
        self.nodes.handle_lost();
        self.barriers.handle_lost();
        self.interest.handle_lost();
        let was_up = match self.phase {
            Phase::Up => true,
            Phase::Down { was_up } => was_up,
            Phase::Starting(_) => false,
        };
        self.phase = Phase::Down { was_up };
        self.gap_due = was_up;
        self.told_early.clear();
    }

    pub(super) fn handle_restored(&mut self) {
        self.interest.handle_restored();
    }

    /// Returns whether it is time for a heartbeat, and the servers that have died.
    pub(super) fn handle_time(&mut self, now: Duration) -> (bool, Vec<NodeId>) {
        self.barriers.handle_time(now);
        let is_beat = self.nodes.handle_tick(now);
        if is_beat {
            self.interest.handle_tick();
        }
        (is_beat, self.nodes.handle_silence(now))
    }

    /// Whether the application must be told, before a message to a group is delivered, that others may have
    /// been lost: it is the first one after an outage. All groups are told again when the outage is over for
    /// each sender, since what a sender has sent until then may be lost too.
    pub(super) fn has_gap_before(&mut self, group: &Arc<str>) -> bool {
        self.gap_due && self.told_early.insert(group.clone())
    }

    pub(super) fn next_time(&self) -> Duration {
        let time = match &self.phase {
            Phase::Starting(starting) => Some(starting.until),
            Phase::Up => self.barriers.next_time(),
            Phase::Down { .. } => None,
        };
        time.into_iter().fold(self.nodes.next_time(), Duration::min)
    }

    /// Whether this server can say hello: the engine has the subscriptions to hear the answers. Returns
    /// `true` once after each loss of the engine.
    pub(super) fn poll_hello(&mut self, now: Duration) -> bool {
        let Phase::Down { was_up } = self.phase else { return false };
        if !self.interest.is_up() {
            return false;
        }
        self.nodes.handle_restored(now);
        self.barriers.handle_restored();
        self.phase = match was_up {
            true => Phase::Up,
            false => Phase::Starting(Starting {
                until: now + START_WITHIN,
                named: BTreeSet::new(),
                answered: BTreeSet::new(),
            }),
        };
        true
    }

    /// Publishes barriers, and tells what has ended.
    pub(super) fn settle(&mut self, now: Duration, outbox: &mut Outbox) {
        while let Some(join) = self.interest.poll_subscribed() {
            self.barriers.handle_subscribed(join);
        }
        // While the other servers are not known, nothing can be proved.
        if let Phase::Up = self.phase
            && let Some(barrier) = self.barriers.poll_barrier(now)
        {
            let message = Message::Life(LifeWord::Barrier { number: barrier.number });
            outbox.publish(Topic::All, message, Purpose::Barrier(barrier.number), 0, now);
        }
        while let Some((join, joined)) = self.barriers.poll_ended() {
            self.interest.handle_proved(join, joined);
        }
        while let Some((ticket, waited)) = self.interest.poll_ended() {
            outbox.put(Output::Waited(ticket, waited));
        }
        self.end_start(now, outbox);
        if self.gap_due && self.interest.is_up() && !self.interest.is_restoring() {
            self.gap_due = false;
            self.told_early.clear();
            outbox.put(Output::Gap(None));
        }
    }

    pub(super) fn poll_change(&mut self) -> Option<Change> {
        self.interest.poll_change()
    }

    pub(super) fn poll_left(&mut self) -> Option<Topic> {
        self.interest.poll_left()
    }

    pub(super) fn is_up(&self) -> bool {
        self.interest.is_up()
    }

    pub(super) fn nodes(&mut self) -> &mut Nodes {
        &mut self.nodes
    }

    pub(super) fn changes(&self) -> u64 {
        self.nodes.changes()
    }

    pub(super) fn info(&self) -> Vec<NodeInfo> {
        self.nodes.info()
    }

    /// Whether messages on a topic are for this server. Those that were under way when it unsubscribed are
    /// not.
    pub(super) fn takes(&self, topic: &Topic) -> bool {
        self.interest.takes(topic)
    }

    /// The number of topics that are subscribed to, or are to be.
    pub(super) fn topics(&self) -> usize {
        self.interest.len()
    }

    /// The start is over when all servers that were named have answered, or the time is over.
    fn end_start(&mut self, now: Duration, outbox: &mut Outbox) {
        let Phase::Starting(starting) = &self.phase else { return };
        let is_complete = !starting.answered.is_empty() && starting.named.is_subset(&starting.answered);
        if is_complete || now >= starting.until {
            self.phase = Phase::Up;
            outbox.put(Output::Started);
        }
    }
}
