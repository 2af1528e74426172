//! Calls to peers of other servers, at the caller's server. Pure state.
//!
//! The server of the caller publishes a `Call` to the server of the peer, which answers `Accepted` or
//! `Unknown` at once, calls the peer, and sends the outcome as `Reply`. All of these are messages on the
//! topics of the two servers, and any of them may be lost. What the other server runs is in
//! [`crate::served_calls`]. So the caller's server ends a call by itself if it
//! is not accepted within a second, if its time is over, if messages of the other server were lost and that
//! server does not run the call any more, and if the other server is gone.
//!
//! What a call's end says about whether the peer was called: `sent: false` only if it was certainly not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::node_id::NodeId;

/// How long a call waits to be accepted.
pub(crate) const ACCEPT_WITHIN: Duration = Duration::from_secs(1);

/// Identifies a call among those of the server that makes it.
pub(crate) type CallId = u64;

/// How a call has ended. `T` is an outcome that the other server has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End<T> {
    /// The peer's outcome.
    Outcome(T),
    /// The timeout has elapsed.
    TimedOut,
    /// There is no outcome.
    Disconnected {
        /// Whether the peer may have been called.
        sent: bool,
    },
}

/// Why a call cannot be made. The peer was not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotMade {
    /// As many calls wait as may.
    TooMany,
    /// The engine cannot be reached.
    Unreachable,
    /// The server is not there.
    Gone,
}

/// A message for another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Stop serving a call.
    Cancel {
        /// The call.
        call: CallId,
    },
    /// Say which calls of this server you run. Those that it has made since need not be among them.
    WhichRun {
        /// The number of the last call that was made before.
        last: CallId,
    },
}

/// The calls that this server has made to peers of others. Time is the time since any fixed moment.
#[derive(Debug)]
pub(crate) struct MadeCalls<T> {
    open: BTreeMap<CallId, Open>,
    /// When each of them may end, the earliest first.
    due: BTreeSet<(Duration, CallId)>,
    last: CallId,
    limit: usize,
    nodes: BTreeSet<NodeId>,
    is_lost: bool,
    ended: Vec<(CallId, End<T>)>,
    orders: Vec<(NodeId, Order)>,
}

#[derive(Debug)]
struct Open {
    node: NodeId,
    /// When the call ends if it is not accepted; `None` once it is.
    accept_by: Option<Duration>,
    until: Duration,
}

impl<T> MadeCalls<T> {
    /// `limit`: the maximum number of calls that wait.
    #[must_use]
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            open: BTreeMap::new(),
            due: BTreeSet::new(),
            last: 0,
            limit,
            nodes: BTreeSet::new(),
            is_lost: false,
            ended: Vec::new(),
            orders: Vec::new(),
        }
    }

    /// Enters a call, before it is published. Its id is greater than those of all calls before. It ends at
    /// `until` at the latest.
    ///
    /// # Errors
    /// [`NotMade`]; the call is not entered.
    pub(crate) fn make(
        &mut self,
        call: CallId,
        node: NodeId,
        now: Duration,
        until: Duration,
    ) -> Result<(), NotMade> {
        self.note_id(call);
        if self.is_lost {
            return Err(NotMade::Unreachable);
        }
        if !self.nodes.contains(&node) {
            return Err(NotMade::Gone);
        }
        if self.open.len() >= self.limit {
            return Err(NotMade::TooMany);
        }
        let open = Open { node, accept_by: Some(now + ACCEPT_WITHIN), until };
        self.due.insert((open.due(), call));
        self.open.insert(call, open);
        Ok(())
    }

    /// Something else that other servers do for this one has this id.
    pub(crate) fn note_id(&mut self, call: CallId) {
        self.last = self.last.max(call);
    }

    /// The last id.
    #[must_use]
    pub(crate) fn last_id(&self) -> CallId {
        self.last
    }

    /// The engine has not taken the call.
    pub(crate) fn handle_unpublished(&mut self, call: CallId) {
        self.end(call, End::Disconnected { sent: false });
    }

    /// The engine says that nobody has subscribed to the topic of the other server.
    pub(crate) fn handle_nobody(&mut self, call: CallId) {
        self.end(call, End::Disconnected { sent: false });
    }

    /// The other server calls its peer.
    pub(crate) fn handle_accepted(&mut self, node: NodeId, call: CallId) {
        if let Some(open) = self.open.get_mut(&call).filter(|open| open.node == node) {
            self.due.remove(&(open.due(), call));
            open.accept_by = None;
            self.due.insert((open.due(), call));
        }
    }

    /// The other server has no such peer.
    pub(crate) fn handle_unknown(&mut self, node: NodeId, call: CallId) {
        if self.is_of(node, call) {
            self.end(call, End::Disconnected { sent: false });
        }
    }

    /// The outcome has come. `false` if nobody waits for it.
    pub(crate) fn handle_reply(&mut self, node: NodeId, call: CallId, outcome: T) -> bool {
        let is_awaited = self.is_of(node, call);
        if is_awaited {
            self.end(call, End::Outcome(outcome));
        }
        is_awaited
    }

    /// Another server is there.
    pub(crate) fn handle_node(&mut self, node: NodeId) {
        self.nodes.insert(node);
    }

    /// Another server leaves: it gets no further calls.
    pub(crate) fn handle_leaving(&mut self, node: NodeId) {
        self.nodes.remove(&node);
    }

    /// Another server is dead or has left. It may still run its calls, if it only seems dead.
    pub(crate) fn handle_gone(&mut self, node: NodeId) {
        self.nodes.remove(&node);
        self.end_all(true, |open| open.node == node);
    }

    /// The engine cannot be reached.
    pub(crate) fn handle_lost(&mut self) {
        self.is_lost = true;
        // Nothing can be sent; the other servers lose the engine too, or see this one die.
        self.end_all(false, |_| true);
    }

    /// The engine can be reached again.
    pub(crate) fn handle_restored(&mut self) {
        self.is_lost = false;
    }

    /// Messages of another server to this one were lost: replies may be among them.
    pub(crate) fn handle_gap(&mut self, node: NodeId) {
        if self.open.values().any(|open| open.node == node) {
            self.orders.push((node, Order::WhichRun { last: self.last }));
        }
    }

    /// Another server says which calls it runs, of those after `after` up to `last`.
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
        let gone = among.filter(|(call, open)| open.node == node && !running.contains(call));
        let over: Vec<CallId> = gone.map(|(call, _)| *call).collect();
        over.into_iter().for_each(|call| self.end(call, End::Disconnected { sent: true }));
    }

    /// Nobody waits for a call any more.
    pub(crate) fn forget(&mut self, call: CallId) {
        if let Some(open) = self.open.remove(&call) {
            self.due.remove(&(open.due(), call));
            self.orders.push((open.node, Order::Cancel { call }));
        }
        self.ended.retain(|(ended, _)| *ended != call);
    }

    /// Ends the calls whose time is over.
    pub(crate) fn handle_time(&mut self, now: Duration) {
        while let Some((_, call)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            let Some(open) = self.open.get(&call) else { return };
            let (node, timed_out) = (open.node, now >= open.until);
            self.orders.push((node, Order::Cancel { call }));
            self.end(call, if timed_out { End::TimedOut } else { End::Disconnected { sent: true } });
        }
    }

    /// The next time at which a call may end.
    #[must_use]
    pub(crate) fn next_time(&self) -> Option<Duration> {
        self.due.first().map(|(due, _)| *due)
    }

    /// A call that has ended.
    pub(crate) fn poll_ended(&mut self) -> Option<(CallId, End<T>)> {
        self.ended.pop()
    }

    /// A message to send to another server.
    pub(crate) fn poll_order(&mut self) -> Option<(NodeId, Order)> {
        self.orders.pop()
    }

    /// The number of calls that wait.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none waits.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn is_of(&self, node: NodeId, call: CallId) -> bool {
        self.open.get(&call).is_some_and(|open| open.node == node)
    }

    fn end_all(&mut self, cancel: bool, which: impl Fn(&Open) -> bool) {
        let all = self.open.iter().filter(|(_, open)| which(open));
        let over: Vec<(CallId, NodeId)> = all.map(|(call, open)| (*call, open.node)).collect();
        for (call, node) in over {
            if cancel {
                self.orders.push((node, Order::Cancel { call }));
            }
            self.end(call, End::Disconnected { sent: true });
        }
    }

    fn end(&mut self, call: CallId, end: End<T>) {
        if let Some(open) = self.open.remove(&call) {
            self.due.remove(&(open.due(), call));
            self.ended.push((call, end));
        }
    }
}

impl Open {
    /// The next time at which it may end.
    fn due(&self) -> Duration {
        self.accept_by.map_or(self.until, |by| by.min(self.until))
    }
}
