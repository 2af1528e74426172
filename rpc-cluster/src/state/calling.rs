//! What this server asks of others: calls, asks and counts.

use std::collections::BTreeSet;
use std::time::Duration;

use birpc_core::__private::crates::cluster::Target;
use bytes::Bytes;

use super::outbox::{Outbox, Purpose};
use super::output::{CallEnd, Output, Taken, Ticket};
use crate::asks::Asks;
use crate::calls::{CallId, MadeCalls, Order};
use crate::counts::Counts;
use crate::envelope::{CallWord, Message, RemotePeer, Request};
use crate::node_id::NodeId;
use crate::topic::Topic;

/// The maximum number of calls that wait, and also of asks and counts.
const MAX_PENDING: usize = 10_000;

#[derive(Debug)]
pub(super) struct Calling {
    made: MadeCalls<Bytes>,
    asks: Asks<Bytes>,
    counts: Counts,
}

impl Calling {
    pub(super) fn new() -> Self {
        Self { made: MadeCalls::new(MAX_PENDING), asks: Asks::new(), counts: Counts::default() }
    }

    pub(super) fn call(
        &mut self,
        call: CallId,
        peer: RemotePeer,
        request: Request,
        now: Duration,
        outbox: &mut Outbox,
    ) {
        let (size, limit) = (request.text.len(), outbox.max_text());
        let until = now.saturating_add(request.time_left);
        let made = match size > limit {
            true => Err(CallEnd::TooLarge { size, limit }),
            false => self.made.make(call, peer.node, now, until).map_err(CallEnd::NotMade),
        };
        if let Err(end) = made {
            return outbox.put(Output::CallEnded(call, end));
        }
        let message = Message::Call(CallWord::Call { call, peer: peer.peer, request });
        outbox.publish(Topic::Node(peer.node), message, Purpose::Call(call), size, now);
    }

    pub(super) fn ask(
        &mut self,
        call: CallId,
        (target, except): (Target, Vec<RemotePeer>),
        request: Request,
        nodes: impl Iterator<Item = NodeId>,
        now: Duration,
        outbox: &mut Outbox,
    ) {
        self.made.note_id(call);
        let size = request.text.len() + except.len() * RemotePeer::SIZE;
        if self.asks.len() >= MAX_PENDING || size > outbox.max_text() {
            self.asks.ask(call, std::iter::empty(), Duration::ZERO, now);
            return;
        }
        self.asks.ask(call, nodes, request.time_left, now);
        if self.asks.is_open(call) {
            let message = Message::Call(CallWord::Ask { call, target, except, request });
            outbox.publish(Topic::All, message, Purpose::Ask(call), size, now);
        }
    }

    pub(super) fn count(
        &mut self,
        call: CallId,
        target: Target,
        nodes: impl Iterator<Item = NodeId>,
        now: Duration,
        outbox: &mut Outbox,
    ) {
        self.made.note_id(call);
        if self.counts.len() >= MAX_PENDING {
            return outbox.put(Output::Counted(call, 0));
        }
        self.counts.ask(call, nodes, now);
        if self.counts.is_open(call) {
            let message = Message::Call(CallWord::Count { call, target });
            outbox.publish(Topic::All, message, Purpose::Count(call), 0, now);
        }
    }

    /// The message for one of these was taken by the engine, or not. Not knowing means that it may have been.
    pub(super) fn handle_published(&mut self, purpose: Purpose, taken: Taken) {
        match (purpose, taken) {
            (Purpose::Call(call), Taken::No) => self.made.handle_unpublished(call),
            (Purpose::Ask(call), Taken::No) => self.asks.handle_unpublished(call),
            (Purpose::Count(call), Taken::No) => self.counts.handle_unpublished(call),
            _ => {}
        }
    }

    /// The engine says that nobody has subscribed to the topic of a call.
    pub(super) fn handle_nobody(&mut self, call: CallId) {
        self.made.handle_nobody(call);
    }

    /// Handles what another server says of what it was asked.
    pub(super) fn handle_word(&mut self, node: NodeId, word: CallWord, now: Duration, outbox: &mut Outbox) {
        let is_awaited = match word {
            CallWord::Accepted { call } => {
                self.made.handle_accepted(node, call);
                true
            }
            CallWord::Unknown { call } => {
                self.made.handle_unknown(node, call);
                true
            }
            CallWord::Reply { call, outcome } => self.made.handle_reply(node, call, outcome),
            CallWord::Running { after, last, calls } => {
                let running: BTreeSet<CallId> = calls.into_iter().collect();
                self.made.handle_running(node, after, last, &running);
                self.asks.handle_running(node, after, last, &running);
                true
            }
            CallWord::Members { call, mut peers, is_last } => {
                // 0 stands for the server itself.
                peers.retain(|peer| *peer != 0);
                self.asks.handle_members(node, call, &peers, is_last, now);
                true
            }
            CallWord::Answer { call, peer, outcome } => self.asks.handle_answer(node, call, peer, outcome),
            CallWord::Counted { call, count } => {
                self.counts.handle_counted(node, call, count);
                true
            }
            // These are for the part that serves.
            _ => true,
        };
        if !is_awaited {
            outbox.counters().unmatched += 1;
        }
    }

    pub(super) fn handle_node(&mut self, node: NodeId) {
        self.made.handle_node(node);
    }

    pub(super) fn handle_leaving(&mut self, node: NodeId) {
        self.made.handle_leaving(node);
    }

    pub(super) fn handle_gone(&mut self, node: NodeId) {
        self.made.handle_gone(node);
        self.asks.handle_gone(node);
        self.counts.handle_gone(node);
    }

    /// Messages of a server to this one were lost, or may have been.
    pub(super) fn handle_gap(&mut self, node: NodeId, now: Duration, outbox: &mut Outbox) {
        if self.asks.involves(node) {
            let last = self.made.last_id();
            outbox.tell(node, Message::Call(CallWord::WhichRun { last }), now);
        } else {
            self.made.handle_gap(node);
        }
    }

    pub(super) fn handle_lost(&mut self) {
        self.made.handle_lost();
        self.asks.handle_lost();
        self.counts.handle_lost();
    }

    pub(super) fn handle_restored(&mut self) {
        self.made.handle_restored();
    }

    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.made.forget(ticket);
        self.asks.forget(ticket);
        self.counts.forget(ticket);
    }

    pub(super) fn handle_time(&mut self, now: Duration) {
        self.made.handle_time(now);
        self.asks.handle_time(now);
        self.counts.handle_time(now);
    }

    pub(super) fn next_time(&self) -> Option<Duration> {
        let times = [self.made.next_time(), self.asks.next_time(), self.counts.next_time()];
        times.into_iter().flatten().min()
    }

    /// Tells what has ended, and sends what is to be sent.
    pub(super) fn settle(&mut self, now: Duration, outbox: &mut Outbox) {
        while let Some((call, end)) = self.made.poll_ended() {
            outbox.put(Output::CallEnded(call, CallEnd::Ended(end)));
        }
        while let Some((call, item)) = self.asks.poll_item() {
            outbox.put(Output::Asked(call, item));
        }
        while let Some((call, count)) = self.counts.poll_ended() {
            outbox.put(Output::Counted(call, count));
        }
        while let Some((node, order)) = self.made.poll_order() {
            let word = match order {
                Order::Cancel { call } => CallWord::Cancel { call },
                Order::WhichRun { last } => CallWord::WhichRun { last },
            };
            outbox.tell(node, Message::Call(word), now);
        }
        while let Some((node, call)) = self.asks.poll_cancel() {
            outbox.tell(node, Message::Call(CallWord::Cancel { call }), now);
        }
    }

    /// The number of calls, asks and counts that wait.
    pub(super) fn pending(&self) -> usize {
        self.made.len() + self.asks.len() + self.counts.len()
    }
}
