//! What waits to be published. The next message gets its numbers when the engine has taken, or refused, the
//! one before.

use std::collections::VecDeque;
use std::time::Duration;

use super::output::{Counters, Output, Publishing, Taken, Ticket};
use crate::envelope::{Envelope, Key, MAX_ENVELOPE, Message, RemotePeer, SendWord};
use crate::node_id::NodeId;
use crate::sequences::{Numbering, Numbers};
use crate::topic::Topic;

/// The maximum number of messages that wait, and of their bytes.
const MAX_WAITING: usize = 16_384;
const MAX_BYTES: usize = 64 << 20;

/// How long a message may wait, and how long the engine may take for one.
const PATIENCE: Duration = Duration::from_secs(1);

/// The maximum number of topics on which messages claim what came before.
const MAX_TOPICS: usize = 100_000;

/// How long the number of a message to one server is repeated in heartbeats.
const REPEATED: Duration = Duration::from_secs(5);

/// For what a message is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Nobody is told whether it was.
    Plain,
    /// Somebody waits for that.
    Sent(Ticket),
    Call(Ticket),
    Ask(Ticket),
    Count(Ticket),
    /// A barrier of this number.
    Barrier(u64),
}

/// The messages and outputs that the parts of the state make.
#[derive(Debug)]
pub(super) struct Outbox {
    own: NodeId,
    key: Option<Key>,
    numbering: Numbering,
    max_message: usize,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    current: Option<Current>,
    /// Messages that failed, whose purpose has not been told yet.
    failed: Vec<(Purpose, Taken)>,
    outputs: VecDeque<Output>,
    counters: Counters,
}

#[derive(Debug)]
struct Waiting {
    topic: Topic,
    message: Message,
    purpose: Purpose,
    size: usize,
    until: Duration,
}

/// The message that the engine is given now.
#[derive(Debug)]
struct Current {
    topic: Topic,
    numbers: Numbers,
    purpose: Purpose,
}

impl Outbox {
    pub(super) fn new(own: NodeId, first: u64, key: Option<Key>, max_message: usize) -> Self {
        Self {
            own,
            key,
            numbering: Numbering::new(MAX_TOPICS, first),
            max_message,
            waiting: VecDeque::new(),
            bytes: 0,
            current: None,
            failed: Vec::new(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Publishes a message, in its turn. `size`: about how many bytes its text has.
    pub(super) fn publish(
        &mut self,
        topic: Topic,
        message: Message,
        purpose: Purpose,
        size: usize,
        now: Duration,
    ) {
        let size = size + MAX_ENVELOPE;
        if self.waiting.len() >= MAX_WAITING || self.bytes + size > MAX_BYTES {
            self.fail(&topic, purpose, now);
            return;
        }
        self.bytes += size;
        self.waiting.push_back(Waiting { topic, message, purpose, size, until: now + PATIENCE });
    }

    /// Publishes something for peers, and tells whoever has the ticket whether the engine has taken it.
    pub(super) fn send(&mut self, ticket: Ticket, topic: Topic, word: SendWord, now: Duration) {
        let size = match &word {
            SendWord::Notification { text, except } => text.len() + except.len() * RemotePeer::SIZE,
            SendWord::Notify { text, .. } => text.len(),
            SendWord::Close { except, .. } => except.len() * RemotePeer::SIZE,
        };
        self.publish(topic, Message::Send(word), Purpose::Sent(ticket), size, now);
    }

    /// Publishes a small message to one server.
    pub(super) fn tell(&mut self, node: NodeId, message: Message, now: Duration) {
        self.publish(Topic::Node(node), message, Purpose::Plain, 0, now);
    }

    /// Publishes a small message to all servers.
    pub(super) fn tell_all(&mut self, message: Message, now: Duration) {
        self.publish(Topic::All, message, Purpose::Plain, 0, now);
    }

    /// The next message for the engine, if it is free.
    pub(super) fn poll_publish(&mut self, now: Duration) -> Option<Publishing> {
        if self.current.is_some() {
            return None;
        }
        loop {
            let Waiting { topic, message, purpose, size, until } = self.waiting.pop_front()?;
            self.bytes -= size;
            if now >= until {
                self.fail(&topic, purpose, now);
                continue;
            }
            let numbers = self.numbering.number(&topic, now);
            let bytes = Envelope::encode(self.own, numbers, &topic, &message, self.key.as_ref());
            if bytes.len() > self.max_message {
                self.failed.push((purpose, Taken::No));
                self.counters.unpublished += 1;
                continue;
            }
            let tag = match purpose {
                Purpose::Call(ticket) => Some(ticket),
                _ => None,
            };
            self.current = Some(Current { topic: topic.clone(), numbers, purpose });
            return Some(Publishing { topic, bytes, tag, within: until.saturating_sub(now) });
        }
    }

    /// The engine has taken the message, or not.
    pub(super) fn handle_published(&mut self, taken: Taken, now: Duration) {
        let Some(Current { topic, numbers, purpose }) = self.current.take() else { return };
        if taken == Taken::Yes {
            self.numbering.published(&topic, numbers, now);
            self.counters.published += 1;
        } else {
            self.counters.unpublished += 1;
        }
        self.failed.push((purpose, taken));
    }

    /// Nothing of what waits can be published.
    pub(super) fn handle_lost(&mut self) {
        self.bytes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        self.failed.extend(waiting.into_iter().map(|waiting| (waiting.purpose, Taken::No)));
    }

    /// A purpose whose message was published, or was not.
    pub(super) fn poll_done(&mut self) -> Option<(Purpose, Taken)> {
        self.failed.pop()
    }

    pub(super) fn put(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The last messages to other servers, for heartbeats.
    pub(super) fn last_numbers(&mut self, now: Duration) -> Vec<(NodeId, u64)> {
        self.numbering.attempted(REPEATED, now)
    }

    pub(super) fn set_max_message(&mut self, max_message: usize) {
        self.max_message = max_message;
    }

    /// The maximum size of a text between servers.
    pub(super) fn max_text(&self) -> usize {
        self.max_message.saturating_sub(MAX_ENVELOPE)
    }

    /// Whether so little waits that something large may be added.
    pub(super) fn is_calm(&self) -> bool {
        self.waiting.len() < MAX_WAITING / 64 && self.bytes < MAX_BYTES / 8
    }

    pub(super) fn counters(&mut self) -> &mut Counters {
        &mut self.counters
    }

    pub(super) fn own(&self) -> NodeId {
        self.own
    }

    fn fail(&mut self, topic: &Topic, purpose: Purpose, now: Duration) {
        // It uses a number, so that a server to which it was learns from a heartbeat that something is
        // missing.
        self.numbering.number(topic, now);
        self.counters.unpublished += 1;
        self.failed.push((purpose, Taken::No));
    }
}
