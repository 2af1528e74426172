//! A server in the model, which checks what it is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use birpc_core::__private::crates::cluster::Target;
use bytes::Bytes;

use super::super::{CallEnd, Output, Served, Setup, State, Ticket};
use crate::asks::Item;
use crate::backplane::BackplaneEvent;
use crate::calls::{CallId, End};
use crate::envelope::EntryKey;
use crate::node_id::NodeId;
use crate::topic::Topic;

pub(super) const SERVERS: usize = 3;
/// The peers of each server that are connected; others are not.
pub(super) const CONNECTED: u64 = 3;
const SECOND: Duration = Duration::from_secs(1);

/// A server in the model.
pub(super) struct Sim {
    pub(super) id: NodeId,
    pub(super) state: State,
    pub(super) subscriptions: BTreeSet<Topic>,
    pub(super) arriving: VecDeque<BackplaneEvent>,
    pub(super) is_lost: bool,
    pub(super) is_stopped: bool,
    pub(super) ticket: Ticket,
    /// Calls of this server that have not ended, and asks with the members that were told.
    pub(super) calls: BTreeSet<Ticket>,
    pub(super) asks: BTreeMap<Ticket, BTreeSet<(NodeId, u64)>>,
    pub(super) joins: BTreeSet<Ticket>,
    /// What it runs for others.
    pub(super) running: BTreeSet<(NodeId, CallId, u64)>,
    /// What it has said in the group.
    pub(super) said: u64,
    /// What it has heard of each other server in the group, and whether a gap was told since.
    pub(super) heard: BTreeMap<NodeId, (u64, Duration)>,
    pub(super) gap_since: BTreeSet<NodeId>,
    pub(super) own: BTreeMap<EntryKey, Bytes>,
    /// The presence of the others, from what it was told.
    pub(super) present: BTreeMap<(NodeId, EntryKey), Bytes>,
}

/// What has become of calls, by caller.
#[derive(Default)]
pub(super) struct Record {
    /// Calls that have run at a peer.
    ran: BTreeSet<(NodeId, CallId)>,
    /// Calls that were said not to be sent.
    unsent: BTreeSet<(NodeId, CallId)>,
}

pub(super) fn group() -> Target {
    Target::Group("tea".into())
}

pub(super) fn outcome(caller: NodeId, call: CallId, peer: u64) -> Bytes {
    format!("{caller} {call} {peer}").into()
}

impl Sim {
    pub(super) fn new(id: NodeId) -> Self {
        let setup = Setup {
            own: id,
            first: 0,
            name: id.to_string(),
            key: None,
            max_message: 1 << 20,
            refusal: Bytes::from_static(b"refused"),
            too_large: |_, _| Bytes::from_static(b"too large"),
        };
        Self {
            id,
            state: State::new(setup, Duration::ZERO),
            subscriptions: BTreeSet::new(),
            arriving: VecDeque::new(),
            is_lost: false,
            is_stopped: false,
            ticket: 0,
            calls: BTreeSet::new(),
            asks: BTreeMap::new(),
            joins: BTreeSet::new(),
            running: BTreeSet::new(),
            said: 0,
            heard: BTreeMap::new(),
            gap_since: BTreeSet::new(),
            own: BTreeMap::new(),
            present: BTreeMap::new(),
        }
    }

    pub(super) fn handle_output(&mut self, output: Output, now: Duration, record: &mut Record) {
        let own = self.id;
        match output {
            Output::CallEnded(call, end) => self.end_call(call, end, record),
            Output::Asked(call, item) => {
                let told = self.asks.get_mut(&call).expect("it has not ended");
                match item {
                    Item::Over => drop(self.asks.remove(&call)),
                    Item::Node(node) => assert!(told.insert((node, 0)), "a server is told twice"),
                    Item::Member(node, peer, end) => {
                        assert!(told.insert((node, peer)), "a member is told twice");
                        if let End::Outcome(text) = end {
                            assert_eq!(text, outcome(own, call, peer), "the answer to another ask");
                        }
                    }
                }
            }
            Output::Waited(join, _) => assert!(self.joins.remove(&join), "it ends once"),
            Output::Deliver { text, .. } => self.hear(&text, now),
            Output::Gap(_) => {
                let others = (1..=SERVERS as u128).map(NodeId);
                self.gap_since.extend(others);
            }
            Output::Serve { node, call, peer, .. } => {
                let is_there = peer <= CONNECTED;
                if is_there {
                    assert!(record.ran.insert((node, call)), "it runs twice");
                    assert!(!record.unsent.contains(&(node, call)), "it was said not to be sent");
                    self.running.insert((node, call, peer));
                }
                let served = if is_there { Served::Accepted } else { Served::Unknown };
                self.state.handle_served(node, call, served, now);
            }
            Output::ServeAsk { node, call, .. } => {
                self.running.insert((node, call, 0));
                let members = Served::Members((1..=CONNECTED).collect());
                self.state.handle_served(node, call, members, now);
            }
            Output::Stop { node, call } => {
                self.running.retain(|(of, running, _)| (*of, *running) != (node, call));
            }
            Output::Presence(node, changes) => {
                for (key, meta) in changes {
                    match meta {
                        Some(meta) => drop(self.present.insert((node, key), meta)),
                        None => drop(self.present.remove(&(node, key))),
                    }
                }
            }
            Output::NodeGone(node) => {
                self.present.retain(|(of, _), _| *of != node);
                self.heard.remove(&node);
            }
            _ => {}
        }
    }

    fn end_call(&mut self, call: CallId, end: CallEnd, record: &mut Record) {
        let own = self.id;
        assert!(self.calls.remove(&call), "it ends once, and not after it was forgotten");
        match end {
            CallEnd::Ended(End::Outcome(text)) => {
                assert!((1..=CONNECTED).any(|peer| text == outcome(own, call, peer)), "another's outcome");
            }
            CallEnd::Ended(End::Disconnected { sent: false }) | CallEnd::NotMade(_) => {
                assert!(!record.ran.contains(&(own, call)), "it has run");
                record.unsent.insert((own, call));
            }
            _ => {}
        }
    }

    /// A number of a server is heard in the group.
    fn hear(&mut self, text: &Bytes, now: Duration) {
        let text = std::str::from_utf8(text).expect("a number");
        let (node, number) = text.split_once(':').expect("who has said it");
        let node = NodeId(node.parse().expect("a number"));
        let number: u64 = number.parse().expect("a number");
        let before = self.heard.insert(node, (number, now));
        let gap_told = self.gap_since.remove(&node);
        if let Some((last, at)) = before {
            assert!(number > last, "{number} after {last}: doubled or overtaken");
            let recently = now - at < 60 * SECOND;
            assert!(number == last + 1 || gap_told || !recently, "{last} to {number} without a gap");
        }
    }
}
