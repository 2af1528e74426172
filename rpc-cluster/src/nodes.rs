//! The servers that are alive, as this one knows them. Pure state.
//!
//! Each server publishes a heartbeat every 2 s. One of which nothing was heard for 10 s is dead. While the
//! engine is lost nothing can be heard, so the clocks stand still, and afterwards each server has 10 s again;
//! the same holds if this server was stopped for a while, which it notices because its own tick is late.
//!
//! A server that is heard again after its death has come again, as a new one would. A server that has said
//! `bye` does not come again: a message of it that is late is dropped.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::node_id::NodeId;

/// The time between two heartbeats.
pub(crate) const BEAT: Duration = Duration::from_secs(2);

/// How long a server may be silent.
const SILENCE: Duration = Duration::from_secs(10);

/// How long a server that has said `bye` is remembered.
const DEPARTED: Duration = Duration::from_secs(60);

/// The maximum number of servers. Others are ignored.
const MAX_NODES: usize = 4096;

/// A server, as it is shown to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeInfo {
    /// Its id.
    pub node: NodeId,
    /// Its name, which need not be unique.
    pub name: String,
    /// The number of its connections, at its last heartbeat.
    pub load: u32,
}

impl NodeInfo {
    pub(crate) fn new(node: NodeId, name: String) -> Self {
        Self { node, name, load: 0 }
    }
}

/// The other servers. Time is the time since any fixed moment.
#[derive(Debug)]
pub(crate) struct Nodes {
    own: NodeId,
    known: BTreeMap<NodeId, Known>,
    departed: BTreeMap<NodeId, Duration>,
    next_tick: Duration,
    /// Nobody was heard last before this time.
    oldest: Duration,
    is_lost: bool,
    /// How often what the application sees has changed.
    changes: u64,
}

#[derive(Debug)]
struct Known {
    name: String,
    load: u32,
    /// When something of it was heard, or since when its clock runs.
    heard: Duration,
    is_leaving: bool,
    /// Whether it speaks a version that this server understands.
    is_understood: bool,
}

/// What is known of the server that has published a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is alive.
    Known,
    /// It has come.
    Came,
    /// It is this server, or has said `bye`, or there are too many: the message is dropped.
    Ignored,
}

impl Nodes {
    pub(crate) fn new(own: NodeId, now: Duration) -> Self {
        Self {
            own,
            known: BTreeMap::new(),
            departed: BTreeMap::new(),
            next_tick: now + BEAT,
            oldest: now,
            is_lost: false,
            changes: 0,
        }
    }

    /// Something of a server was heard.
    pub(crate) fn handle_heard(&mut self, node: NodeId, is_understood: bool, now: Duration) -> Heard {
        if let Some(known) = self.known.get_mut(&node) {
            known.heard = now;
            return Heard::Known;
        }
        if node == self.own || self.departed.contains_key(&node) || self.known.len() >= MAX_NODES {
            return Heard::Ignored;
        }
        if self.known.is_empty() {
            self.oldest = now;
        }
        let known = Known { name: String::new(), load: 0, heard: now, is_leaving: false, is_understood };
        self.known.insert(node, known);
        self.changes += 1;
        Heard::Came
    }

    /// A server begins, perhaps one that has ended before.
    pub(crate) fn handle_hello(&mut self, node: NodeId) {
        self.departed.remove(&node);
    }

    /// The state of a server that was heard. Returns whether it leaves since now.
    pub(crate) fn handle_state(&mut self, node: NodeId, name: &str, load: u32, is_leaving: bool) -> bool {
        let Some(known) = self.known.get_mut(&node) else { return false };
        if known.name != name || known.load != load {
            name.clone_into(&mut known.name);
            known.load = load;
            self.changes += 1;
        }
        let leaves_now = is_leaving && !known.is_leaving;
        known.is_leaving |= is_leaving;
        self.changes += u64::from(leaves_now);
        leaves_now
    }

    /// A server leaves. Returns whether that is new.
    pub(crate) fn handle_leaving(&mut self, node: NodeId) -> bool {
        let known = self.known.get_mut(&node).filter(|known| !known.is_leaving);
        self.changes += 1;
        known.map(|known| known.is_leaving = true).is_some()
    }

    /// A server has ended. Returns whether it was there.
    pub(crate) fn handle_bye(&mut self, node: NodeId, now: Duration) -> bool {
        if self.departed.len() < MAX_NODES {
            self.departed.insert(node, now);
        }
        self.changes += 1;
        self.known.remove(&node).is_some()
    }

    /// The engine cannot be reached.
    pub(crate) fn handle_lost(&mut self) {
        self.is_lost = true;
    }

    /// The engine can be reached again.
    pub(crate) fn handle_restored(&mut self, now: Duration) {
        self.is_lost = false;
        self.start_clocks(now);
    }

    /// When a heartbeat is due, or a server may be dead.
    pub(crate) fn next_time(&self) -> Duration {
        match self.is_lost || self.known.is_empty() {
            true => self.next_tick,
            false => self.next_tick.min(self.oldest + SILENCE),
        }
    }

    /// Returns whether a heartbeat is due.
    pub(crate) fn handle_tick(&mut self, now: Duration) -> bool {
        if now < self.next_tick {
            return false;
        }
        // This server was stopped for a while: others have perhaps spoken, and it has not listened.
        if now >= self.next_tick + BEAT {
            self.start_clocks(now);
        }
        self.next_tick = now + BEAT;
        self.departed.retain(|_, at| now.saturating_sub(*at) < DEPARTED);
        true
    }

    /// Returns the servers that have died. Called after [`Nodes::handle_tick`].
    pub(crate) fn handle_silence(&mut self, now: Duration) -> Vec<NodeId> {
        if self.is_lost || now < self.oldest + SILENCE {
            return Vec::new();
        }
        let silent = self.known.iter().filter(|(_, known)| now.saturating_sub(known.heard) >= SILENCE);
        let dead: Vec<NodeId> = silent.map(|(node, _)| *node).collect();
        dead.iter().for_each(|node| drop(self.known.remove(node)));
        self.changes += dead.len() as u64;
        self.oldest = self.known.values().map(|known| known.heard).min().unwrap_or(now);
        dead
    }

    /// A number that is another one if what [`Nodes::info`] returns may have changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether a server has said that it leaves.
    pub(crate) fn is_leaving(&self, node: NodeId) -> bool {
        self.known.get(&node).is_some_and(|known| known.is_leaving)
    }

    /// All servers that are alive.
    pub(crate) fn all(&self) -> impl Iterator<Item = NodeId> {
        self.known.keys().copied()
    }

    /// The servers that answer, and have not said that they leave.
    pub(crate) fn serving(&self) -> impl Iterator<Item = NodeId> {
        let serving = self.known.iter().filter(|(_, known)| known.is_understood && !known.is_leaving);
        serving.map(|(node, _)| *node)
    }

    /// The servers that are alive and have not said that they leave, for the application.
    pub(crate) fn info(&self) -> Vec<NodeInfo> {
        let staying = self.known.iter().filter(|(_, known)| !known.is_leaving);
        let info = |(node, known): (&NodeId, &Known)| NodeInfo {
            node: *node,
            name: known.name.clone(),
            load: known.load,
        };
        staying.map(info).collect()
    }

    fn start_clocks(&mut self, now: Duration) {
        self.oldest = now;
        self.known.values_mut().for_each(|known| known.heard = now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: NodeId = NodeId(1);
    const OTHER: NodeId = NodeId(2);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Ticks at their times until then. Returns who has died.
    fn ticks(nodes: &mut Nodes, until: Duration) -> Vec<NodeId> {
        let mut dead = Vec::new();
        while nodes.next_time() <= until {
            let now = nodes.next_time();
            nodes.handle_tick(now);
            dead.extend(nodes.handle_silence(now));
        }
        dead
    }

    #[test]
    fn a_silent_server_is_dead_after_10_s_and_comes_again() {
        let mut nodes = Nodes::new(OWN, Duration::ZERO);
        assert_eq!(nodes.handle_heard(OWN, true, Duration::ZERO), Heard::Ignored);
        assert_eq!(nodes.handle_heard(OTHER, true, Duration::ZERO), Heard::Came);
        assert_eq!(nodes.handle_heard(OTHER, true, seconds(3)), Heard::Known);
        assert!(!nodes.handle_state(OTHER, "b", 7, false));
        assert_eq!(nodes.info(), [NodeInfo { node: OTHER, name: "b".into(), load: 7 }]);
        assert_eq!(ticks(&mut nodes, Duration::from_millis(12_999)), []);
        assert_eq!(ticks(&mut nodes, seconds(13)), [OTHER]);
        assert_eq!(nodes.info(), []);
        assert_eq!(nodes.handle_heard(OTHER, true, seconds(15)), Heard::Came);
    }

    #[test]
    fn the_clocks_stand_still_while_the_engine_is_lost() {
        let mut nodes = Nodes::new(OWN, Duration::ZERO);
        nodes.handle_heard(OTHER, true, Duration::ZERO);
        nodes.handle_lost();
        assert_eq!(ticks(&mut nodes, seconds(60)), []);
        nodes.handle_restored(seconds(61));
        assert_eq!(ticks(&mut nodes, seconds(70)), []);
        assert_eq!(ticks(&mut nodes, seconds(71)), [OTHER]);
    }

    #[test]
    fn after_a_late_tick_each_server_has_10_s_again() {
        let mut nodes = Nodes::new(OWN, Duration::ZERO);
        nodes.handle_heard(OTHER, true, Duration::ZERO);
        assert!(nodes.handle_tick(seconds(30)), "this server was stopped");
        assert_eq!(nodes.handle_silence(seconds(30)), []);
        assert_eq!(ticks(&mut nodes, seconds(39)), []);
        assert_eq!(ticks(&mut nodes, seconds(40)), [OTHER]);
    }

    #[test]
    fn who_leaves_is_alive_but_not_shown_and_who_has_said_bye_is_not_heard_any_more() {
        let mut nodes = Nodes::new(OWN, Duration::ZERO);
        nodes.handle_heard(OTHER, true, Duration::ZERO);
        assert!(nodes.handle_leaving(OTHER) && !nodes.handle_leaving(OTHER));
        assert!(!nodes.handle_state(OTHER, "b", 0, true), "that is known");
        assert_eq!((nodes.info(), nodes.all().count(), nodes.serving().count()), (vec![], 1, 0));
        assert!(nodes.handle_bye(OTHER, seconds(1)) && !nodes.handle_bye(OTHER, seconds(1)));
        assert_eq!(nodes.handle_heard(OTHER, true, seconds(2)), Heard::Ignored);
        ticks(&mut nodes, seconds(62));
        assert_eq!(nodes.handle_heard(OTHER, true, seconds(62)), Heard::Came, "it is forgotten");
    }

    #[test]
    fn a_server_of_another_version_is_shown_but_serves_nothing() {
        let mut nodes = Nodes::new(OWN, Duration::ZERO);
        nodes.handle_heard(OTHER, false, Duration::ZERO);
        assert_eq!((nodes.info().len(), nodes.serving().count()), (1, 0));
    }

    #[test]
    fn invented_servers_do_not_grow_the_list_without_bound() {
        let mut nodes = Nodes::new(OWN, Duration::ZERO);
        for node in 10..10_000 {
            nodes.handle_heard(NodeId(node), true, Duration::ZERO);
            nodes.handle_bye(NodeId(node + 100_000), Duration::ZERO);
        }
        assert_eq!((nodes.known.len(), nodes.departed.len()), (MAX_NODES, MAX_NODES));
    }
}
