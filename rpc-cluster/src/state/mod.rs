//! The state of a node: everything that it decides, without tasks, clocks and engines.
//!
//! Inputs are the commands of this server's groups, what the engine brings, and the time; after each of them
//! [`State::settle`] is called. Outputs are messages and subscriptions for the engine, and [`Output`]s for
//! this server's groups. Time is the time since any fixed moment.

mod announcing;
mod calling;
mod entries;
mod inlet;
#[cfg(test)]
mod model;
mod outbox;
mod output;
mod reach;
mod serving;

use std::time::Duration;

use birpc_core::__private::crates::cluster::Target;
use bytes::Bytes;

use crate::backplane::{BackplaneError, BackplaneEvent};
use crate::calls::CallId;
use crate::envelope::{CallWord, EntryKey, Envelope, Heartbeat, LifeWord, Message, SendWord, topic_of};
use crate::interest::Change;
use crate::node_id::NodeId;
use crate::nodes::{Heard, NodeInfo};
use crate::topic::Topic;
use announcing::Announcing;
use calling::Calling;
use entries::PresenceEntries;
use inlet::{Inlet, Order};
use outbox::{Outbox, Purpose};
use reach::Reach;
use serving::Serving;

pub(crate) use output::{CallEnd, Command, Counters, Output, Publishing, Served, Setup, Taken, Ticket};

#[derive(Debug)]
pub(crate) struct State {
    announcing: Announcing,
    inlet: Inlet,
    reach: Reach,
    calling: Calling,
    serving: Serving,
    presence: PresenceEntries,
    outbox: Outbox,
}

impl State {
    pub(crate) fn new(setup: Setup, now: Duration) -> Self {
        let Setup { own, first, name, key, max_message, refusal, too_large } = setup;
        Self {
            announcing: Announcing::new(name),
            inlet: Inlet::new(key.clone()),
            reach: Reach::new(own, now),
            calling: Calling::new(),
            serving: Serving::new(refusal, too_large),
            presence: PresenceEntries::new(first),
            outbox: Outbox::new(own, first, key, max_message),
        }
    }

    /// This server has, or no longer has, peers of a target.
    pub(crate) fn want(&mut self, target: &Target, is_wanted: bool) {
        if *target != Target::All {
            self.reach.want(&topic_of(target), is_wanted);
        }
    }

    /// An entry of this server's presence has changed.
    pub(crate) fn change_presence(&mut self, key: EntryKey, meta: Option<Bytes>, now: Duration) {
        self.presence.change(key, meta, now, &mut self.outbox);
    }

    pub(crate) fn handle_command(&mut self, ticket: Ticket, command: Command, now: Duration) {
        let (outbox, is_up) = (&mut self.outbox, self.reach.is_up());
        match command {
            Command::Publish { .. } | Command::Notify { .. } if !is_up => {
                outbox.put(Output::Published(ticket, false));
            }
            Command::Publish { target, word } => outbox.send(ticket, topic_of(&target), word, now),
            Command::Notify { peer, text } => {
                let word = SendWord::Notify { peer: peer.peer, text };
                outbox.send(ticket, Topic::Node(peer.node), word, now);
            }
            Command::Call { peer, request } => self.calling.call(ticket, peer, request, now, outbox),
            Command::Ask { target, except, request } => {
                let nodes = self.reach.nodes().serving().filter(|_| is_up);
                self.calling.ask(ticket, (target, except), request, nodes, now, outbox);
            }
            Command::Count { target } => {
                let nodes = self.reach.nodes().serving().filter(|_| is_up);
                self.calling.count(ticket, target, nodes, now, outbox);
            }
            Command::Wait { target } => self.reach.wait(&topic_of(&target), ticket),
        }
    }

    /// Nobody waits for a ticket any more.
    pub(crate) fn forget(&mut self, ticket: Ticket, waits_for: Option<&Target>) {
        match waits_for {
            Some(target) => self.reach.forget(&topic_of(target), ticket),
            None => self.calling.forget(ticket),
        }
    }

    pub(crate) fn handle_event(&mut self, event: BackplaneEvent, now: Duration) {
        match event {
            BackplaneEvent::Message { topic, bytes } => self.handle_bytes(&topic, &bytes, now),
            BackplaneEvent::Nobody { tag } => self.calling.handle_nobody(tag),
            BackplaneEvent::Lost => {
                self.reach.handle_lost();
                self.calling.handle_lost();
                self.outbox.handle_lost();
                self.inlet.handle_lost();
            }
            BackplaneEvent::Restored => self.reach.handle_restored(),
            BackplaneEvent::Overrun => self.outbox.put(Output::Gap(None)),
        }
    }

    /// The maximum size of a message may be another than before.
    pub(crate) fn set_max_message(&mut self, max_message: usize) {
        self.outbox.set_max_message(max_message);
    }

    pub(crate) fn set_load(&mut self, load: usize) {
        self.announcing.set_load(load);
    }

    /// The engine has changed a subscription, or has not.
    pub(crate) fn handle_changed(&mut self, change: &Change, result: Result<(), BackplaneError>) {
        self.reach.handle_changed(change, result);
    }

    /// The engine has taken the message that was polled last, or has not.
    pub(crate) fn handle_published(&mut self, taken: Taken, now: Duration) {
        self.outbox.handle_published(taken, now);
    }

    /// What has become of a call that this server makes for another.
    pub(crate) fn handle_served(&mut self, node: NodeId, call: CallId, served: Served, now: Duration) {
        self.serving.handle_served(node, call, served, now, &mut self.outbox);
    }

    /// How many peers this server has, for another that has asked.
    pub(crate) fn handle_counted(&mut self, node: NodeId, call: CallId, count: usize, now: Duration) {
        let count = count as u64;
        self.outbox.tell(node, Message::Call(CallWord::Counted { call, count }), now);
    }

    pub(crate) fn handle_time(&mut self, now: Duration) {
        self.calling.handle_time(now);
        let (is_beat, dead) = self.reach.handle_time(now);
        dead.into_iter().for_each(|node| self.end_node(node));
        if !is_beat {
            return;
        }
        self.inlet.handle_tick(now);
        if self.reach.is_up() {
            self.announcing.beat(self.presence.version(), now, &mut self.outbox);
        }
    }

    /// When [`State::handle_time`] is to be called.
    pub(crate) fn next_time(&self) -> Duration {
        self.calling.next_time().into_iter().fold(self.reach.next_time(), Duration::min)
    }

    /// This server begins to shut down: the others give it nothing new.
    pub(crate) fn leave(&mut self, now: Duration) {
        if !self.announcing.is_leaving() {
            self.serving.leave();
            self.announcing.leave(now, &mut self.outbox);
        }
    }

    /// This server ends. The ticket is told when the engine has taken it.
    pub(crate) fn say_bye(&mut self, ticket: Ticket, now: Duration) {
        let message = Message::Life(LifeWord::Bye);
        self.outbox.publish(Topic::All, message, Purpose::Sent(ticket), 0, now);
    }

    /// Whether nothing runs for others, and nothing is waited for.
    pub(crate) fn is_idle(&self) -> bool {
        self.serving.running() == 0 && self.calling.pending() == 0
    }

    /// Does what the last input has made possible.
    pub(crate) fn settle(&mut self, now: Duration) {
        while let Some((purpose, taken)) = self.outbox.poll_done() {
            match purpose {
                Purpose::Sent(ticket) => self.outbox.put(Output::Published(ticket, taken == Taken::Yes)),
                Purpose::Barrier(number) => {
                    self.reach.handle_barrier_published(number, taken == Taken::Yes, now);
                }
                other => self.calling.handle_published(other, taken),
            }
        }
        while let Some(topic) = self.reach.poll_left() {
            self.inlet.handle_unsubscribed(&topic);
        }
        if self.reach.poll_hello(now) {
            self.calling.handle_restored();
            self.announcing.say_hello(self.presence.version(), now, &mut self.outbox);
        }
        self.reach.settle(now, &mut self.outbox);
        self.calling.settle(now, &mut self.outbox);
        self.presence.settle(now, &mut self.outbox);
    }

    /// Whether so little waits for the engine that more may be made.
    pub(crate) fn is_calm(&self) -> bool {
        self.outbox.is_calm()
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outbox.poll_output()
    }

    pub(crate) fn poll_publish(&mut self, now: Duration) -> Option<Publishing> {
        self.outbox.poll_publish(now)
    }

    pub(crate) fn poll_change(&mut self) -> Option<Change> {
        self.reach.poll_change()
    }

    /// The servers that are alive and do not leave, without this one, if they may have changed since there
    /// was this number of changes.
    pub(crate) fn nodes(&self, known_changes: Option<u64>) -> Option<(u64, Vec<NodeInfo>)> {
        let changes = self.reach.changes();
        (known_changes != Some(changes)).then(|| (changes, self.reach.info()))
    }

    pub(crate) fn counters(&mut self) -> Counters {
        *self.outbox.counters()
    }

    /// The numbers of calls that wait, calls that run for others, topics, and servers whose numbers are
    /// remembered.
    pub(crate) fn sizes(&self) -> [usize; 4] {
        [self.calling.pending(), self.serving.running(), self.reach.topics(), self.inlet.len()]
    }

    fn handle_bytes(&mut self, topic: &Topic, bytes: &Bytes, now: Duration) {
        let Some(envelope) = self.inlet.read(bytes, &mut self.outbox) else { return };
        let is_for_this = envelope.topic == *topic && self.reach.takes(topic);
        let node = envelope.node;
        if matches!(envelope.message, Message::Life(LifeWord::Hello(_))) && !self.inlet.is_late(&envelope) {
            self.reach.nodes().handle_hello(node);
        }
        let heard = match is_for_this {
            true => self.reach.handle_heard(node, envelope.is_understood, now),
            false => Heard::Ignored,
        };
        match heard {
            Heard::Ignored => {
                self.outbox.counters().stray += 1;
                return;
            }
            Heard::Came if envelope.is_understood => self.calling.handle_node(node),
            Heard::Came | Heard::Known => {}
        }
        self.outbox.counters().received += 1;
        if envelope.is_understood {
            match self.inlet.check(&envelope, now, &mut self.outbox) {
                Order::Late => return,
                Order::AfterGap => self.calling.handle_gap(node, now, &mut self.outbox),
                Order::Fine => {}
            }
        }
        self.handle_message(envelope, now);
    }

    fn handle_message(&mut self, envelope: Envelope, now: Duration) {
        let Envelope { node, topic, message, is_understood, .. } = envelope;
        match message {
            Message::Life(word) => self.handle_life(node, word, is_understood, now),
            Message::Send(word) => {
                if let (Topic::Group(group), SendWord::Notification { .. }) = (&topic, &word)
                    && self.reach.has_gap_before(group)
                {
                    self.outbox.put(Output::Gap(Some(group.clone())));
                }
                Output::of(&topic, word).into_iter().for_each(|output| self.outbox.put(output));
            }
            Message::Call(word) if word.is_question() => {
                self.serving.handle_word(node, word, now, &mut self.outbox);
            }
            Message::Call(word) => self.calling.handle_word(node, word, now, &mut self.outbox),
            Message::Presence(word) => {
                if !self.reach.nodes().is_leaving(node) {
                    self.presence.handle_word(node, word, now, &mut self.outbox);
                }
            }
        }
    }

    fn handle_life(&mut self, node: NodeId, word: LifeWord, is_understood: bool, now: Duration) {
        match word {
            LifeWord::Hello(heartbeat) => {
                self.handle_heartbeat(node, &heartbeat, is_understood, now);
                // If it was here before, it has lost the engine, and messages to this server with it.
                self.calling.handle_gap(node, now, &mut self.outbox);
                let (others, version) = (self.reach.nodes().all(), self.presence.version());
                self.announcing.welcome(node, others, version, now, &mut self.outbox);
            }
            LifeWord::Welcome { heartbeat, nodes } => {
                self.handle_heartbeat(node, &heartbeat, is_understood, now);
                self.reach.handle_welcome(node, self.outbox.own(), nodes);
            }
            LifeWord::Heartbeat(heartbeat) => self.handle_heartbeat(node, &heartbeat, is_understood, now),
            LifeWord::Leaving if self.reach.nodes().handle_leaving(node) => self.let_leave(node),
            LifeWord::Leaving => {}
            LifeWord::Bye => {
                self.reach.nodes().handle_bye(node, now);
                self.end_node(node);
            }
            LifeWord::Barrier { number } => {
                self.outbox.tell(node, Message::Life(LifeWord::Passed { number }), now);
            }
            LifeWord::Passed { number } => self.reach.handle_passed(node, number),
        }
    }

    fn handle_heartbeat(&mut self, node: NodeId, heartbeat: &Heartbeat, is_understood: bool, now: Duration) {
        let Heartbeat { name, load, is_leaving, presence, last } = heartbeat;
        if self.reach.nodes().handle_state(node, name, *load, *is_leaving) {
            self.let_leave(node);
        }
        if is_understood && !self.reach.nodes().is_leaving(node) {
            self.presence.handle_version(node, *presence, now, &mut self.outbox);
        }
        if is_understood && self.inlet.misses(node, self.outbox.own(), last) {
            self.calling.handle_gap(node, now, &mut self.outbox);
        }
    }

    /// Another server leaves: it gets no further calls, and its peers are not present any more.
    fn let_leave(&mut self, node: NodeId) {
        self.calling.handle_leaving(node);
        self.presence.handle_gone(node, &mut self.outbox);
    }

    /// Another server is dead or has ended. Its numbers are remembered, since it may only seem dead.
    fn end_node(&mut self, node: NodeId) {
        self.reach.handle_gone(node);
        self.calling.handle_gone(node);
        self.serving.handle_gone(node, &mut self.outbox);
        self.presence.handle_gone(node, &mut self.outbox);
    }
}
