//! The servers of an engine in memory, and what is under way to them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::Waker;

use bytes::Bytes;

use super::faults::Faults;
use crate::backplane::BackplaneEvent;
use crate::topic::Topic;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) servers: Vec<Server>,
    pub(super) faults: Faults,
    pub(super) random: u64,
    pub(super) refuses: bool,
    pub(super) published: u64,
    pub(super) delivered: u64,
}

#[derive(Debug, Default)]
pub(super) struct Server {
    pub(super) subscriptions: BTreeSet<Topic>,
    /// Subscriptions that some other servers do not know yet.
    pub(super) late: BTreeMap<Topic, BTreeSet<usize>>,
    pub(super) queue: VecDeque<BackplaneEvent>,
    pub(super) delayed: Vec<BackplaneEvent>,
    pub(super) waker: Option<Waker>,
    pub(super) is_lost: bool,
    pub(super) is_stalled: bool,
}

/// Maximum number of events that wait for a server.
pub(super) const MAX_WAITING: usize = 4096;

impl State {
    /// Whether something happens that happens in so many per cent of the cases.
    pub(super) fn happens(&mut self, per_cent: u8) -> bool {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % 100 < u64::from(per_cent)
    }

    /// Passes a message to one server. Returns the waker to wake.
    pub(super) fn pass(&mut self, index: usize, from: usize, topic: &Topic, bytes: &Bytes) -> Option<Waker> {
        let faults = self.faults;
        let (lost, doubled) = (self.happens(faults.lost), self.happens(faults.doubled));
        let delayed = self.happens(faults.delayed);
        let server = &mut self.servers[index];
        if server.late.get(topic).is_some_and(|unaware| unaware.contains(&from)) {
            return None;
        }
        if !server.subscriptions.contains(topic) || lost {
            return None;
        }
        self.delivered += 1;
        let event = BackplaneEvent::Message { topic: topic.clone(), bytes: bytes.clone() };
        if delayed {
            server.delayed.push(event);
            return None;
        }
        let mut waker = server.push(event.clone());
        // What a server has subscribed to is known to those who hear it afterwards.
        self.servers[from].late.retain(|_, unaware| {
            unaware.remove(&index);
            !unaware.is_empty()
        });
        let server = &mut self.servers[index];
        if doubled {
            waker = server.push(event).or(waker);
        }
        for late in std::mem::take(&mut server.delayed) {
            waker = server.push(late).or(waker);
        }
        waker
    }
}

impl Server {
    pub(super) fn push(&mut self, event: BackplaneEvent) -> Option<Waker> {
        if self.queue.len() >= MAX_WAITING {
            if self.queue.back() != Some(&BackplaneEvent::Overrun) {
                self.queue.push_back(BackplaneEvent::Overrun);
            }
            return None;
        }
        self.queue.push_back(event);
        self.waker.take()
    }
}
