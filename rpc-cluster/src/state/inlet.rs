//! What arrives from other servers: reads envelopes, and finds what was lost before them.

use std::time::Duration;

use bytes::Bytes;

use super::outbox::Outbox;
use super::output::Output;
use crate::envelope::{BadEnvelope, Envelope, Key};
use crate::node_id::NodeId;
use crate::sequences::{Hearing, Verdict};
use crate::topic::Topic;

#[derive(Debug)]
pub(super) struct Inlet {
    key: Option<Key>,
    hearing: Hearing,
}

/// What the numbers of a message tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// It is to be served.
    Fine,
    /// It is to be served, and messages of its server to this one were lost.
    AfterGap,
    /// It must be dropped.
    Late,
}

impl Inlet {
    pub(super) fn new(key: Option<Key>) -> Self {
        Self { key, hearing: Hearing::default() }
    }

    /// Reads an envelope of another server. What is none is counted and dropped.
    pub(super) fn read(&self, bytes: &Bytes, outbox: &mut Outbox) -> Option<Envelope> {
        let own = outbox.own();
        let counters = outbox.counters();
        match Envelope::decode(bytes, self.key.as_ref()) {
            Ok(envelope) => return Some(envelope).filter(|envelope| envelope.node != own),
            Err(BadEnvelope::Malformed) => counters.malformed += 1,
            Err(BadEnvelope::Version) => counters.version += 1,
            Err(BadEnvelope::Unverified) => counters.unverified += 1,
        }
        None
    }

    /// Whether a message was served before, or a later one was.
    pub(super) fn is_late(&self, envelope: &Envelope) -> bool {
        self.hearing.is_late(envelope.node, &envelope.topic, envelope.numbers)
    }

    /// Handles the numbers of a message. A loss in a group is told.
    pub(super) fn check(&mut self, envelope: &Envelope, now: Duration, outbox: &mut Outbox) -> Order {
        match self.hearing.hear(envelope.node, &envelope.topic, envelope.numbers, now) {
            Verdict::Next => Order::Fine,
            Verdict::Late => {
                outbox.counters().late += 1;
                Order::Late
            }
            Verdict::Gap => {
                let (kind, order) = match &envelope.topic {
                    Topic::All => (0, Order::Fine),
                    Topic::Group(group) => {
                        outbox.put(Output::Gap(Some(group.clone())));
                        (1, Order::Fine)
                    }
                    Topic::User(_) => (2, Order::Fine),
                    Topic::Node(_) => (3, Order::AfterGap),
                };
                outbox.counters().gaps[kind] += 1;
                order
            }
        }
    }

    /// Whether a server has sent something to this one, by its last numbers, that was not heard.
    pub(super) fn misses(&self, node: NodeId, own: NodeId, last: &[(NodeId, u64)]) -> bool {
        let topic = Topic::Node(own);
        last.iter().any(|(to, seq)| *to == own && self.hearing.is_missing(node, &topic, *seq))
    }

    pub(super) fn handle_unsubscribed(&mut self, topic: &Topic) {
        self.hearing.unsubscribed(topic);
    }

    /// What is missed is told when the engine is restored.
    pub(super) fn handle_lost(&mut self) {
        self.hearing.clear();
    }

    pub(super) fn handle_tick(&mut self, now: Duration) {
        self.hearing.forget_silent(now);
    }

    /// The number of servers that are remembered, over all topics.
    pub(super) fn len(&self) -> usize {
        self.hearing.len()
    }
}
