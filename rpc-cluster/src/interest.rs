//! The topics that this server subscribes to, and the joins that wait for them. Pure state.
//!
//! A topic is wanted while this server has peers of its group or user. Subscriptions of one topic are
//! changed one after the other. A topic that the engine has subscribed to is *proved* by a barrier
//! ([`crate::barriers`]); a join waits for that.
//!
//! After an outage of the engine, the topics of all servers and of this one come first, since barriers and
//! their answers travel on them.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::backplane::BackplaneError;
use crate::barriers::{JoinId, Joined};
use crate::topic::Topic;

/// Identifies somebody who waits for a topic.
pub(crate) type WaitId = u64;

/// The end of a wait. An error means that the engine refuses the subscription.
pub(crate) type Waited = Result<Joined, BackplaneError>;

/// What the engine is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) topic: Topic,
    /// To subscribe, or to unsubscribe.
    pub(crate) subscribe: bool,
    /// Which connection of the engine it is meant for; repeated in the answer.
    epoch: u64,
}

#[derive(Debug)]
pub(crate) struct Interest {
    /// The topics on which everything else depends.
    base: [Topic; 2],
    topics: HashMap<Topic, Entry>,
    /// The topics that a barrier is to prove, by its join.
    proving: HashMap<JoinId, Topic>,
    next_join: JoinId,
    link: Link,
    epoch: u64,
    changes: VecDeque<Change>,
    /// Topics whose subscription the engine has, to be proved.
    subscribed: Vec<JoinId>,
    /// Topics that were unsubscribed from.
    left: Vec<Topic>,
    ended: Vec<(WaitId, Waited)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Lost,
    /// The base topics are being subscribed to.
    Beginning,
    Up,
}

#[derive(Debug)]
struct Entry {
    is_wanted: bool,
    /// Whether it was wanted when the engine was lost, and is neither proved nor refused since.
    is_restoring: bool,
    phase: Phase,
    waiting: BTreeSet<WaitId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Absent,
    Subscribing,
    Subscribed(JoinId),
    Proved,
    Unsubscribing,
}

impl Interest {
    /// The engine can be reached, and has no subscriptions.
    pub(crate) fn new(base: [Topic; 2]) -> Self {
        let mut interest = Self {
            topics: HashMap::new(),
            base,
            proving: HashMap::new(),
            next_join: 0,
            link: Link::Lost,
            epoch: 0,
            changes: VecDeque::new(),
            subscribed: Vec::new(),
            left: Vec::new(),
            ended: Vec::new(),
        };
        for topic in interest.base.clone() {
            interest.want(&topic, true);
        }
        interest.handle_restored();
        interest
    }

    /// This server has, or no longer has, peers of a topic.
    pub(crate) fn want(&mut self, topic: &Topic, is_wanted: bool) {
        if !is_wanted && !self.topics.contains_key(topic) {
            return;
        }
        let entry = self.topics.entry(topic.clone()).or_insert_with(Entry::new);
        entry.is_wanted = is_wanted;
        if !is_wanted {
            entry.is_restoring = false;
            // There is nothing to prove to those who wait.
            self.ended
                .extend(std::mem::take(&mut entry.waiting).into_iter().map(|id| (id, Ok(Joined::Proved))));
        }
        self.advance(topic);
    }

    /// Somebody waits until a topic is proved.
    pub(crate) fn wait(&mut self, topic: &Topic, id: WaitId) {
        match self.topics.get_mut(topic).filter(|entry| entry.is_wanted) {
            None => self.ended.push((id, Ok(Joined::Proved))),
            Some(_) if self.link == Link::Lost => self.ended.push((id, Ok(Joined::Unreachable))),
            Some(entry) if entry.phase == Phase::Proved => self.ended.push((id, Ok(Joined::Proved))),
            Some(entry) => drop(entry.waiting.insert(id)),
        }
    }

    /// The engine has done a change, or has not.
    pub(crate) fn handle_changed(&mut self, change: &Change, result: Result<(), BackplaneError>) {
        if change.epoch != self.epoch {
            return;
        }
        let Some(entry) = self.topics.get_mut(&change.topic) else { return };
        match (change.subscribe, result) {
            (true, Ok(())) => {
                self.next_join += 1;
                entry.phase = Phase::Subscribed(self.next_join);
                self.proving.insert(self.next_join, change.topic.clone());
                self.subscribed.push(self.next_join);
            }
            (true, Err(error)) => {
                entry.phase = Phase::Absent;
                entry.is_restoring &= !matches!(error, BackplaneError::Refused(_));
                let waited = match error {
                    BackplaneError::Refused(_) => Err(error),
                    _ => Ok(Joined::Unreachable),
                };
                let waiting = std::mem::take(&mut entry.waiting).into_iter();
                self.ended.extend(waiting.map(|id| (id, waited.clone())));
                if self.link == Link::Beginning {
                    // The other topics wait for the base topics.
                    self.end_waits();
                }
                // It is tried again with the next tick, if it is still wanted.
                self.forget_unwanted(&change.topic);
                return;
            }
            (false, _) => entry.phase = Phase::Absent,
        }
        self.begin_rest();
        self.advance(&change.topic);
    }

    /// The barrier for a topic has ended.
    pub(crate) fn handle_proved(&mut self, join: JoinId, joined: Joined) {
        let Some(topic) = self.proving.remove(&join) else { return };
        let Some(entry) = self.topics.get_mut(&topic) else { return };
        if entry.phase != Phase::Subscribed(join) {
            return;
        }
        entry.is_restoring = false;
        if joined == Joined::Proved {
            entry.phase = Phase::Proved;
        }
        let waiting = std::mem::take(&mut entry.waiting).into_iter();
        self.ended.extend(waiting.map(|id| (id, Ok(joined))));
    }

    /// Nobody waits any more.
    pub(crate) fn forget(&mut self, topic: &Topic, id: WaitId) {
        if let Some(entry) = self.topics.get_mut(topic) {
            entry.waiting.remove(&id);
        }
        self.ended.retain(|(ended, _)| *ended != id);
    }

    /// The engine cannot be reached, and forgets the subscriptions.
    pub(crate) fn handle_lost(&mut self) {
        self.link = Link::Lost;
        self.epoch += 1;
        self.changes.clear();
        self.proving.clear();
        self.subscribed.clear();
        self.end_waits();
        self.topics.retain(|_, entry| entry.is_wanted);
        for entry in self.topics.values_mut() {
            (entry.phase, entry.is_restoring) = (Phase::Absent, true);
        }
    }

    /// The engine can be reached again.
    pub(crate) fn handle_restored(&mut self) {
        self.link = Link::Beginning;
        for topic in self.base.clone() {
            self.advance(&topic);
        }
    }

    /// Tries again what has failed.
    pub(crate) fn handle_tick(&mut self) {
        let absent = self.topics.iter().filter(|(_, entry)| entry.is_wanted && entry.phase == Phase::Absent);
        let absent: Vec<Topic> = absent.map(|(topic, _)| topic.clone()).collect();
        absent.iter().for_each(|topic| self.advance(topic));
    }

    /// Whether the base topics are subscribed to.
    pub(crate) fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    /// Whether a topic from before an outage waits for its subscription, or for its proof.
    pub(crate) fn is_restoring(&self) -> bool {
        self.topics.values().any(|entry| entry.is_restoring)
    }

    pub(crate) fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// A join for the barriers.
    pub(crate) fn poll_subscribed(&mut self) -> Option<JoinId> {
        self.subscribed.pop()
    }

    /// A topic that is no longer subscribed to.
    pub(crate) fn poll_left(&mut self) -> Option<Topic> {
        self.left.pop()
    }

    pub(crate) fn poll_ended(&mut self) -> Option<(WaitId, Waited)> {
        self.ended.pop()
    }

    /// Whether a topic is subscribed to, or is about to be.
    pub(crate) fn takes(&self, topic: &Topic) -> bool {
        let entry = self.topics.get(topic);
        entry.is_some_and(|entry| !matches!(entry.phase, Phase::Absent | Phase::Unsubscribing))
    }

    /// The number of topics.
    pub(crate) fn len(&self) -> usize {
        self.topics.len()
    }

    /// Nothing can be proved now.
    fn end_waits(&mut self) {
        for entry in self.topics.values_mut() {
            let waiting = std::mem::take(&mut entry.waiting).into_iter();
            self.ended.extend(waiting.map(|id| (id, Ok(Joined::Unreachable))));
        }
    }

    /// Once the base topics are there, the others follow.
    fn begin_rest(&mut self) {
        let has = |topic: &Topic| {
            let phase = self.topics.get(topic).map(|entry| entry.phase);
            matches!(phase, Some(Phase::Subscribed(_) | Phase::Proved))
        };
        if self.link == Link::Beginning && self.base.iter().all(has) {
            self.link = Link::Up;
            self.handle_tick();
        }
    }

    /// Begins the next change of a topic, if one is due.
    fn advance(&mut self, topic: &Topic) {
        let may_begin = match self.link {
            Link::Lost => false,
            Link::Beginning => self.base.contains(topic),
            Link::Up => true,
        };
        let Some(entry) = self.topics.get_mut(topic) else { return };
        let subscribe = match (entry.is_wanted, entry.phase) {
            (true, Phase::Absent) if may_begin => true,
            (false, Phase::Subscribed(_) | Phase::Proved) if may_begin => false,
            _ => return self.forget_unwanted(topic),
        };
        if let Phase::Subscribed(join) = entry.phase {
            self.proving.remove(&join);
        }
        entry.phase = if subscribe { Phase::Subscribing } else { Phase::Unsubscribing };
        if !subscribe {
            self.left.push(topic.clone());
        }
        self.changes.push_back(Change { topic: topic.clone(), subscribe, epoch: self.epoch });
    }

    fn forget_unwanted(&mut self, topic: &Topic) {
        if self.topics.get(topic).is_some_and(|entry| !entry.is_wanted && entry.phase == Phase::Absent) {
            self.topics.remove(topic);
        }
        if self.topics.capacity() > 64 && self.topics.len() < self.topics.capacity() / 8 {
            self.topics.shrink_to(self.topics.len() * 2);
        }
    }
}

impl Entry {
    fn new() -> Self {
        Self { is_wanted: false, is_restoring: false, phase: Phase::Absent, waiting: BTreeSet::new() }
    }
}
