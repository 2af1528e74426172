//! Calls to all peers of a target on other servers, at the server that asks. Pure state.
//!
//! Each live server names the peers that it will call, in one or more pieces, and then tells how each call
//! has ended. A server that has not named them all within a second is one item of the answers; so is a
//! server that ends before. Nobody counts answers: a peer that was named is told exactly once, by its
//! answer, by the end of its server, or when its time is over.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::calls::{ACCEPT_WITHIN, CallId, End};
use crate::node_id::NodeId;

/// The maximum number of peers that are named and have not answered, over all asks.
pub(crate) const MAX_MEMBERS: usize = 200_000;

/// How many peers a server calls at once for one ask.
pub(crate) const AT_ONCE: usize = 1000;

/// How much longer than the calls can take a server may need to tell how they have ended.
const GRACE: Duration = Duration::from_secs(2);

/// What somebody who asks learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item<T> {
    /// The call to a peer has ended.
    Member(NodeId, u64, End<T>),
    /// A server has not named all of its peers.
    Node(NodeId),
    /// All have been told.
    Over,
}

/// The asks that are open. Time is the time since any fixed moment.
#[derive(Debug)]
pub(crate) struct Asks<T> {
    open: BTreeMap<CallId, Ask>,
    /// When something of each of them is due. Each has exactly one entry for each share.
    due: BTreeSet<(Duration, CallId, NodeId)>,
    members: usize,
    items: VecDeque<(CallId, Item<T>)>,
    cancels: Vec<(NodeId, CallId)>,
}

#[derive(Debug)]
struct Ask {
    timeout: Duration,
    shares: BTreeMap<NodeId, Share>,
}

/// The peers of one server.
#[derive(Debug)]
struct Share {
    /// Those that have not answered.
    waiting: BTreeSet<u64>,
    /// Those that have.
    answered: BTreeSet<u64>,
    is_named: bool,
    due: Duration,
}

impl<T> Asks<T> {
    pub(crate) fn new() -> Self {
        Self {
            open: BTreeMap::new(),
            due: BTreeSet::new(),
            members: 0,
            items: VecDeque::new(),
            cancels: Vec::new(),
        }
    }

    /// Enters an ask, before it is published to these servers.
    pub(crate) fn ask(
        &mut self,
        call: CallId,
        nodes: impl Iterator<Item = NodeId>,
        timeout: Duration,
        now: Duration,
    ) {
        let due = now + ACCEPT_WITHIN;
        let share = || Share { waiting: BTreeSet::new(), answered: BTreeSet::new(), is_named: false, due };
        let shares: BTreeMap<NodeId, Share> = nodes.map(|node| (node, share())).collect();
        self.due.extend(shares.keys().map(|node| (due, call, *node)));
        self.open.insert(call, Ask { timeout, shares });
        self.end_complete(call);
    }

    /// The engine has not taken the ask: nobody was asked.
    pub(crate) fn handle_unpublished(&mut self, call: CallId) {
        if self.remove(call) {
            self.items.push_back((call, Item::Over));
        }
    }

    /// A server names peers that it calls.
    pub(crate) fn handle_members(
        &mut self,
        node: NodeId,
        call: CallId,
        peers: &[u64],
        is_last: bool,
        now: Duration,
    ) {
        let Some(ask) = self.open.get_mut(&call) else { return };
        let Some(share) = ask.shares.get_mut(&node).filter(|share| !share.is_named) else { return };
        if self.members + peers.len() > MAX_MEMBERS {
            self.end_share(call, node, true, || End::Disconnected { sent: true });
            return;
        }
        for peer in peers {
            let is_new = !share.answered.contains(peer) && share.waiting.insert(*peer);
            self.members += usize::from(is_new);
        }
        if is_last {
            share.is_named = true;
            self.due.remove(&(share.due, call, node));
            let rounds = u32::try_from(share.waiting.len() / AT_ONCE + 1).unwrap_or(u32::MAX);
            share.due = now.saturating_add(ask.timeout.saturating_mul(rounds)).saturating_add(GRACE);
            self.due.insert((share.due, call, node));
        }
        self.end_if_answered(call, node);
    }

    /// The call to a peer has ended. `false` if nobody waits for it.
    pub(crate) fn handle_answer(&mut self, node: NodeId, call: CallId, peer: u64, outcome: T) -> bool {
        let share = self.open.get_mut(&call).and_then(|ask| ask.shares.get_mut(&node));
        let Some(share) = share.filter(|share| share.waiting.contains(&peer)) else { return false };
        share.waiting.remove(&peer);
        share.answered.insert(peer);
        self.members -= 1;
        self.items.push_back((call, Item::Member(node, peer, End::Outcome(outcome))));
        self.end_if_answered(call, node);
        true
    }

    /// A server is dead or has left.
    pub(crate) fn handle_gone(&mut self, node: NodeId) {
        let of_node = self.open.iter().filter(|(_, ask)| ask.shares.contains_key(&node));
        let calls: Vec<CallId> = of_node.map(|(call, _)| *call).collect();
        for call in calls {
            self.end_share(call, node, true, || End::Disconnected { sent: true });
        }
    }

    /// The engine cannot be reached.
    pub(crate) fn handle_lost(&mut self) {
        let nodes: BTreeSet<NodeId> = self.due.iter().map(|(.., node)| *node).collect();
        nodes.into_iter().for_each(|node| self.handle_gone(node));
        self.cancels.clear();
    }

    /// Whether a server has a share that is not over.
    pub(crate) fn involves(&self, node: NodeId) -> bool {
        self.open.values().any(|ask| ask.shares.contains_key(&node))
    }

    /// A server says which asks it works on, of those after `after` up to `last`.
    pub(crate) fn handle_running(
        &mut self,
        node: NodeId,
        after: CallId,
        last: CallId,
        running: &BTreeSet<CallId>,
    ) {
        if after >= last {
            return;
        }
        let among = self.open.range(after + 1..=last);
        let over = among.filter(|(call, ask)| ask.shares.contains_key(&node) && !running.contains(call));
        let over: Vec<CallId> = over.map(|(call, _)| *call).collect();
        over.into_iter()
            .for_each(|call| self.end_share(call, node, false, || End::Disconnected { sent: true }));
    }

    /// Nobody waits for an ask any more.
    pub(crate) fn forget(&mut self, call: CallId) {
        let nodes = self.open.get(&call).map(|ask| ask.shares.keys().copied().collect::<Vec<_>>());
        self.cancels.extend(nodes.into_iter().flatten().map(|node| (node, call)));
        self.remove(call);
        self.items.retain(|(of, _)| *of != call);
    }

    /// Ends what is over.
    pub(crate) fn handle_time(&mut self, now: Duration) {
        while let Some((_, call, node)) = self.due.first().copied().filter(|(due, ..)| *due <= now) {
            self.end_share(call, node, true, || End::TimedOut);
        }
    }

    pub(crate) fn next_time(&self) -> Option<Duration> {
        self.due.first().map(|(due, ..)| *due)
    }

    pub(crate) fn poll_item(&mut self) -> Option<(CallId, Item<T>)> {
        self.items.pop_front()
    }

    /// An ask that a server is to stop.
    pub(crate) fn poll_cancel(&mut self) -> Option<(NodeId, CallId)> {
        self.cancels.pop()
    }

    pub(crate) fn is_open(&self, call: CallId) -> bool {
        self.open.contains_key(&call)
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    fn end_if_answered(&mut self, call: CallId, node: NodeId) {
        let share = self.open.get(&call).and_then(|ask| ask.shares.get(&node));
        if share.is_some_and(|share| share.is_named && share.waiting.is_empty()) {
            self.end_share(call, node, false, || End::TimedOut);
        }
    }

    /// Ends what a server has not told.
    fn end_share(&mut self, call: CallId, node: NodeId, cancel: bool, end: impl Fn() -> End<T>) {
        let Some(ask) = self.open.get_mut(&call) else { return };
        let Some(share) = ask.shares.remove(&node) else { return };
        self.due.remove(&(share.due, call, node));
        self.members -= share.waiting.len();
        // One that has not named its peers in time has not timed out: its calls have barely begun.
        let waiting = share.waiting.into_iter();
        self.items.extend(waiting.map(|peer| {
            let end = if share.is_named { end() } else { End::Disconnected { sent: true } };
            (call, Item::Member(node, peer, end))
        }));
        if !share.is_named {
            self.items.push_back((call, Item::Node(node)));
        }
        if cancel {
            self.cancels.push((node, call));
        }
        self.end_complete(call);
    }

    fn end_complete(&mut self, call: CallId) {
        if self.open.get(&call).is_some_and(|ask| ask.shares.is_empty()) {
            self.open.remove(&call);
            self.items.push_back((call, Item::Over));
        }
    }

    fn remove(&mut self, call: CallId) -> bool {
        let Some(ask) = self.open.remove(&call) else { return false };
        for (node, share) in ask.shares {
            self.due.remove(&(share.due, call, node));
            self.members -= share.waiting.len();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);
    const TIMEOUT: Duration = Duration::from_secs(5);

    fn asked() -> Asks<&'static str> {
        let mut asks = Asks::new();
        asks.ask(7, [A, B].into_iter(), TIMEOUT, Duration::ZERO);
        asks
    }

    fn items(asks: &mut Asks<&'static str>) -> Vec<Item<&'static str>> {
        std::iter::from_fn(|| asks.poll_item()).map(|(_, item)| item).collect()
    }

    #[test]
    fn each_member_is_told_once_and_then_it_is_over() {
        let mut asks = asked();
        asks.handle_members(A, 7, &[1, 2], false, Duration::ZERO);
        assert!(asks.handle_answer(A, 7, 1, "one"));
        assert!(!asks.handle_answer(A, 7, 1, "again") && !asks.handle_answer(A, 7, 9, "not named"));
        asks.handle_members(A, 7, &[1, 3], true, Duration::ZERO);
        assert!(asks.handle_answer(A, 7, 2, "two") && asks.handle_answer(A, 7, 3, "three"));
        assert!(!asks.handle_answer(A, 7, 3, "over"));
        asks.handle_members(B, 7, &[], true, Duration::ZERO);
        let outcome = |peer, text| Item::Member(A, peer, End::Outcome(text));
        assert_eq!(items(&mut asks), [outcome(1, "one"), outcome(2, "two"), outcome(3, "three"), Item::Over]);
        assert_eq!((asks.len(), asks.members, asks.next_time()), (0, 0, None));
    }

    #[test]
    fn a_server_that_names_nobody_in_time_is_one_item() {
        let mut asks = asked();
        asks.handle_members(A, 7, &[1], false, Duration::ZERO);
        asks.handle_members(B, 7, &[1], true, Duration::ZERO);
        asks.handle_time(ACCEPT_WITHIN);
        let lost = Item::Member(A, 1, End::Disconnected { sent: true });
        assert_eq!(items(&mut asks), [lost, Item::Node(A)]);
        assert_eq!(asks.poll_cancel(), Some((A, 7)));
        asks.handle_members(A, 7, &[2], true, ACCEPT_WITHIN);
        asks.handle_time(TIMEOUT + GRACE);
        assert_eq!(items(&mut asks), [Item::Member(B, 1, End::TimedOut), Item::Over]);
        assert_eq!((asks.len(), asks.members, asks.next_time()), (0, 0, None));
    }

    #[test]
    fn the_share_of_a_server_ends_with_it() {
        let mut asks = asked();
        asks.handle_members(A, 7, &[1], true, Duration::ZERO);
        asks.handle_gone(A);
        asks.handle_gone(B);
        let lost = Item::Member(A, 1, End::Disconnected { sent: true });
        assert_eq!(items(&mut asks), [lost, Item::Node(B), Item::Over]);
        let mut asks = asked();
        asks.handle_members(A, 7, &[1], true, Duration::ZERO);
        asks.handle_running(A, 0, 6, &BTreeSet::new());
        assert!(asks.involves(A));
        asks.handle_running(A, 6, 7, &BTreeSet::new());
        assert!(!asks.involves(A) && asks.involves(B));
        asks.forget(7);
        assert_eq!((items(&mut asks), asks.poll_cancel()), (vec![], Some((B, 7))));
        assert_eq!((asks.len(), asks.members, asks.next_time()), (0, 0, None));
    }

    #[test]
    fn invented_members_do_not_grow_it_without_bound() {
        let mut asks = asked();
        let many: Vec<u64> = (0..MAX_MEMBERS as u64 + 1).collect();
        asks.handle_members(A, 7, &many, false, Duration::ZERO);
        assert_eq!((asks.members, items(&mut asks)), (0, vec![Item::Node(A)]));
    }

    #[test]
    fn without_other_servers_it_is_over_at_once() {
        let mut asks: Asks<()> = Asks::new();
        asks.ask(1, std::iter::empty(), TIMEOUT, Duration::ZERO);
        assert_eq!(asks.poll_item(), Some((1, Item::Over)));
    }
}
