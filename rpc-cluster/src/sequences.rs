//! Detects that messages between servers were lost. Pure state.
//!
//! No engine tells each loss, so each message carries two numbers: its own, from a counter of the server that
//! publishes it, and that of the previous message of this server on the same topic. A receiver that has heard
//! something earlier than that previous message has missed messages: there is a gap. A message that is not
//! later than the last one is a duplicate, or has been overtaken, and is dropped.
//!
//! Both sides forget: the receiver after a minute of silence, and when it unsubscribes; the publisher after
//! two, so that it remembers longer even if a message was under way for a minute. A message without a
//! previous one claims nothing. So a loss is told if the receiver had heard this server on this topic since
//! it subscribed, and hears it again within a minute.
//!
//! A message that is under way for longer than a minute may be served twice. Engines discard it long before.

use std::collections::HashMap;
use std::time::Duration;

use crate::node_id::NodeId;
use crate::topic::Topic;

/// How long a receiver remembers a silent server on a topic.
pub(crate) const MEMORY: Duration = Duration::from_secs(60);

/// How long a publisher remembers its last message on a topic.
const OWN_MEMORY: Duration = Duration::from_secs(120);

/// The numbers of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Its number, which is greater than those of all messages that this server published before.
    pub(crate) seq: u64,
    /// The number of the previous message on the same topic. 0: there is none, or it was forgotten.
    pub(crate) prev: u64,
}

/// The numbers of the messages that this server publishes. Time is the time since any fixed moment.
#[derive(Debug)]
pub(crate) struct Numbering {
    last: u64,
    topics: HashMap<Topic, Heard>,
    max_topics: usize,
    /// The last message to each server, also if it could not be published, and when it was.
    attempted: HashMap<NodeId, Heard>,
}

/// The last message on a topic, and when it was.
#[derive(Clone, Copy, Debug)]
struct Heard {
    seq: u64,
    at: Duration,
}

impl Heard {
    fn is_old(self, now: Duration, memory: Duration) -> bool {
        now.saturating_sub(self.at) >= memory
    }
}

impl Numbering {
    /// `max_topics`: the maximum number of topics that are remembered. If there are more, the messages on
    /// some of them claim nothing. `last`: at least the last number of a former node of this server.
    pub(crate) fn new(max_topics: usize, last: u64) -> Self {
        Self { last, topics: HashMap::new(), max_topics, attempted: HashMap::new() }
    }

    /// The numbers of the next message on a topic. One message is numbered and published at a time.
    pub(crate) fn number(&mut self, topic: &Topic, now: Duration) -> Numbers {
        self.last += 1;
        if let Topic::Node(node) = topic {
            self.attempted.insert(*node, Heard { seq: self.last, at: now });
        }
        let known = self.topics.get(topic).filter(|heard| !heard.is_old(now, OWN_MEMORY));
        Numbers { seq: self.last, prev: known.map_or(0, |heard| heard.seq) }
    }

    /// The engine has taken a message. If it has not, the next message does not name it, so that its absence
    /// is no gap.
    pub(crate) fn published(&mut self, topic: &Topic, numbers: Numbers, now: Duration) {
        if self.topics.len() >= self.max_topics && !self.topics.contains_key(topic) {
            self.topics.retain(|_, heard| !heard.is_old(now, OWN_MEMORY));
        }
        if self.topics.len() < self.max_topics || self.topics.contains_key(topic) {
            self.topics.insert(topic.clone(), Heard { seq: numbers.seq, at: now });
        }
    }

    /// The numbers of the last messages to other servers, of those in the last `within`. Heartbeats carry
    /// them. They include messages that could not be published.
    pub(crate) fn attempted(&mut self, within: Duration, now: Duration) -> Vec<(NodeId, u64)> {
        self.attempted.retain(|_, heard| !heard.is_old(now, within));
        self.attempted.iter().map(|(node, heard)| (*node, heard.seq)).collect()
    }
}

/// What a message tells about those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is missing, as far as it can be known.
    Next,
    /// It is to be served, and messages before it were lost.
    Gap,
    /// It was served before, or a later one was. It must be dropped.
    Late,
}

/// What this server has heard of the others.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    heard: HashMap<Topic, HashMap<NodeId, Heard>>,
}

impl Hearing {
    /// Handles the numbers of a message of another server.
    pub(crate) fn hear(&mut self, node: NodeId, topic: &Topic, numbers: Numbers, now: Duration) -> Verdict {
        let nodes = match self.heard.get_mut(topic) {
            Some(nodes) => nodes,
            None => self.heard.entry(topic.clone()).or_default(),
        };
        let known = nodes.get(&node).copied();
        // Also one that is old is not served again.
        if known.is_some_and(|heard| numbers.seq <= heard.seq) {
            return Verdict::Late;
        }
        nodes.insert(node, Heard { seq: numbers.seq, at: now });
        match known.filter(|heard| !heard.is_old(now, MEMORY)) {
            Some(heard) if numbers.prev > heard.seq => Verdict::Gap,
            _ => Verdict::Next,
        }
    }

    /// Whether a message with this number, which the server says it has sent, was not heard. It may still be
    /// under way.
    #[must_use]
    pub(crate) fn is_missing(&self, node: NodeId, topic: &Topic, seq: u64) -> bool {
        let heard = self.heard.get(topic).and_then(|nodes| nodes.get(&node));
        heard.is_none_or(|heard| heard.seq < seq)
    }

    /// This server has unsubscribed from a topic. Otherwise the messages until it subscribes again would be a
    /// gap.
    pub(crate) fn unsubscribed(&mut self, topic: &Topic) {
        self.heard.remove(topic);
    }

    /// The engine was lost: this server tells of the loss in another way.
    pub(crate) fn clear(&mut self) {
        self.heard.clear();
    }

    /// Whether a message was served before, or a later one was.
    pub(crate) fn is_late(&self, node: NodeId, topic: &Topic, numbers: Numbers) -> bool {
        let heard = self.heard.get(topic).and_then(|nodes| nodes.get(&node));
        heard.is_some_and(|heard| numbers.seq <= heard.seq)
    }

    /// Forgets servers that have been silent on a topic for [`MEMORY`].
    pub(crate) fn forget_silent(&mut self, now: Duration) {
        self.heard.retain(|_, nodes| {
            nodes.retain(|_, heard| !heard.is_old(now, MEMORY));
            !nodes.is_empty()
        });
    }

    /// The number of servers that are remembered, over all topics.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.heard.values().map(HashMap::len).sum()
    }

    /// Whether none is remembered.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.heard.is_empty()
    }
}
