//! What this server says of itself to the others.

use std::time::Duration;

use super::outbox::Outbox;
use crate::envelope::{Heartbeat, LifeWord, Message};
use crate::node_id::NodeId;

/// More than the bytes of a heartbeat without lists.
const HEARTBEAT: usize = 600;

#[derive(Debug)]
pub(super) struct Announcing {
    name: String,
    load: u32,
    is_leaving: bool,
}

impl Announcing {
    pub(super) fn new(name: String) -> Self {
        Self { name, load: 0, is_leaving: false }
    }

    pub(super) fn set_load(&mut self, load: usize) {
        self.load = u32::try_from(load).unwrap_or(u32::MAX);
    }

    pub(super) fn say_hello(&self, presence: u64, now: Duration, outbox: &mut Outbox) {
        let heartbeat = self.heartbeat(presence, now, outbox);
        outbox.tell_all(Message::Life(LifeWord::Hello(heartbeat)), now);
    }

    pub(super) fn beat(&self, presence: u64, now: Duration, outbox: &mut Outbox) {
        let heartbeat = self.heartbeat(presence, now, outbox);
        outbox.tell_all(Message::Life(LifeWord::Heartbeat(heartbeat)), now);
    }

    /// Answers the hello of a server, with as many of the others as fit.
    pub(super) fn welcome(
        &self,
        node: NodeId,
        others: impl Iterator<Item = NodeId>,
        presence: u64,
        now: Duration,
        outbox: &mut Outbox,
    ) {
        let heartbeat = self.heartbeat(presence, now, outbox);
        let room = outbox.max_text().saturating_sub(HEARTBEAT + heartbeat.last.len() * 24) / 16;
        let nodes = others.take(room).collect();
        outbox.tell(node, Message::Life(LifeWord::Welcome { heartbeat, nodes }), now);
    }

    pub(super) fn leave(&mut self, now: Duration, outbox: &mut Outbox) {
        self.is_leaving = true;
        outbox.tell_all(Message::Life(LifeWord::Leaving), now);
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.is_leaving
    }

    fn heartbeat(&self, presence: u64, now: Duration, outbox: &mut Outbox) -> Heartbeat {
        let mut last = outbox.last_numbers(now);
        last.truncate(outbox.max_text().saturating_sub(HEARTBEAT) / 48);
        let (name, is_leaving) = (self.name.clone(), self.is_leaving);
        Heartbeat { name, load: self.load, is_leaving, presence, last }
    }
}
