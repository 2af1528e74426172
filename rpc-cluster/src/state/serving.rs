//! What this server does for others: calls to its own peers.

use std::time::Duration;

use super::outbox::{Outbox, Purpose};
use super::output::{Output, Served};
use crate::calls::CallId;
use crate::envelope::{CallWord, Message};
use crate::node_id::NodeId;
use crate::served_calls::ServedCalls;
use crate::topic::Topic;

/// The maximum number of calls and asks that this server runs for others.
pub(crate) const MAX_SERVED: usize = 10_000;

#[derive(Debug)]
pub(super) struct Serving {
    calls: ServedCalls,
    is_leaving: bool,
    /// The outcome of a call beyond the maximum.
    refusal: bytes::Bytes,
    /// Makes an outcome that says that a reply is too large for the engine.
    too_large: fn(usize, usize) -> bytes::Bytes,
}

impl Serving {
    pub(super) fn new(refusal: bytes::Bytes, too_large: fn(usize, usize) -> bytes::Bytes) -> Self {
        Self { calls: ServedCalls::default(), is_leaving: false, refusal, too_large }
    }

    /// New calls are refused.
    pub(super) fn leave(&mut self) {
        self.is_leaving = true;
    }

    /// Handles what another server wants of this one.
    pub(super) fn handle_word(&mut self, node: NodeId, word: CallWord, now: Duration, outbox: &mut Outbox) {
        match word {
            CallWord::Call { call, .. } if self.is_leaving => {
                outbox.tell(node, Message::Call(CallWord::Unknown { call }), now);
            }
            CallWord::Call { call, .. } if self.calls.len() >= MAX_SERVED => {
                let outcome = self.refusal.clone();
                outbox.tell(node, Message::Call(CallWord::Reply { call, outcome }), now);
            }
            CallWord::Call { call, peer, request } if self.calls.begin(node, call) => {
                outbox.put(Output::Serve { node, call, peer, request });
            }
            CallWord::Ask { call, .. } if self.is_leaving => {
                let word = CallWord::Members { call, peers: Vec::new(), is_last: true };
                outbox.tell(node, Message::Call(word), now);
            }
            // It is named as one that has not said who its peers are.
            CallWord::Ask { .. } if self.calls.len() >= MAX_SERVED => {}
            CallWord::Ask { call, target, except, request } if self.calls.begin(node, call) => {
                outbox.put(Output::ServeAsk { node, call, target, except, request });
            }
            CallWord::Count { call, target } => outbox.put(Output::Count { node, call, target }),
            CallWord::Cancel { call } if self.calls.cancel(node, call) => {
                outbox.put(Output::Stop { node, call });
            }
            CallWord::WhichRun { last } => self.tell_running(node, last, now, outbox),
            // It runs already, or does not run any more.
            _ => {}
        }
    }

    /// Handles what has become of a call that was to be made.
    pub(super) fn handle_served(
        &mut self,
        node: NodeId,
        call: CallId,
        served: Served,
        now: Duration,
        outbox: &mut Outbox,
    ) {
        if !self.calls.is_running(node, call) {
            return;
        }
        let word = match served {
            Served::Accepted => CallWord::Accepted { call },
            Served::Unknown => {
                self.calls.finish(node, call);
                CallWord::Unknown { call }
            }
            Served::Reply(outcome) => {
                self.calls.finish(node, call);
                CallWord::Reply { call, outcome: self.fitting(outcome, outbox) }
            }
            Served::Members(peers) => {
                let is_over = peers.is_empty();
                tell_members(node, call, &peers, now, outbox);
                if is_over {
                    self.calls.finish(node, call);
                }
                return;
            }
            Served::Answer { peer, outcome } => {
                CallWord::Answer { call, peer, outcome: self.fitting(outcome, outbox) }
            }
            Served::AllAnswered => {
                self.calls.finish(node, call);
                return;
            }
        };
        let size = match &word {
            CallWord::Reply { outcome, .. } | CallWord::Answer { outcome, .. } => outcome.len(),
            _ => 0,
        };
        outbox.publish(Topic::Node(node), Message::Call(word), Purpose::Plain, size, now);
    }

    /// Another server is gone: nobody waits for its calls.
    pub(super) fn handle_gone(&mut self, node: NodeId, outbox: &mut Outbox) {
        for call in self.calls.handle_gone(node) {
            outbox.put(Output::Stop { node, call });
        }
    }

    /// The number of calls and asks that run.
    pub(super) fn running(&self) -> usize {
        self.calls.len()
    }

    fn fitting(&self, outcome: bytes::Bytes, outbox: &Outbox) -> bytes::Bytes {
        let (size, limit) = (outcome.len(), outbox.max_text());
        if size > limit { (self.too_large)(size, limit) } else { outcome }
    }

    /// Says which calls of a server run, in as many messages as it takes.
    fn tell_running(&self, node: NodeId, last: CallId, now: Duration, outbox: &mut Outbox) {
        let running: Vec<CallId> = self.calls.of(node).range(..=last).copied().collect();
        let at_once = (outbox.max_text() / 8).max(1);
        let mut after = 0;
        let pieces = running.chunks(at_once);
        let count = pieces.len();
        for (index, piece) in pieces.enumerate() {
            let until = if index + 1 == count { last } else { piece.last().copied().unwrap_or(last) };
            let word = CallWord::Running { after, last: until, calls: piece.to_vec() };
            outbox.publish(Topic::Node(node), Message::Call(word), Purpose::Plain, piece.len() * 8, now);
            after = until;
        }
        if count == 0 {
            outbox.tell(node, Message::Call(CallWord::Running { after, last, calls: Vec::new() }), now);
        }
    }
}

fn tell_members(node: NodeId, call: CallId, peers: &[u64], now: Duration, outbox: &mut Outbox) {
    let at_once = (outbox.max_text() / 8).max(1);
    let mut pieces: Vec<&[u64]> = peers.chunks(at_once).collect();
    if pieces.is_empty() {
        pieces.push(&[]);
    }
    let last = pieces.len() - 1;
    for (index, piece) in pieces.into_iter().enumerate() {
        let word = CallWord::Members { call, peers: piece.to_vec(), is_last: index == last };
        outbox.publish(Topic::Node(node), Message::Call(word), Purpose::Plain, piece.len() * 8, now);
    }
}
