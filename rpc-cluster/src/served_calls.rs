//! The calls that a server makes to its own peers for others. Pure state; the other half of [`crate::calls`].

use std::collections::BTreeSet;

use crate::calls::CallId;
use crate::node_id::NodeId;

/// The calls that this server makes for others to its own peers.
#[derive(Debug, Default)]
pub(crate) struct ServedCalls {
    running: BTreeSet<(NodeId, CallId)>,
}

impl ServedCalls {
    /// A call arrives for a peer that is connected. `false` if it is running already.
    pub(crate) fn begin(&mut self, node: NodeId, call: CallId) -> bool {
        self.running.insert((node, call))
    }

    /// A call has ended. `false` if it was cancelled, so that nobody waits for its outcome.
    pub(crate) fn finish(&mut self, node: NodeId, call: CallId) -> bool {
        self.running.remove(&(node, call))
    }

    /// The caller's server wants a call to stop. `false` if it does not run.
    pub(crate) fn cancel(&mut self, node: NodeId, call: CallId) -> bool {
        self.running.remove(&(node, call))
    }

    /// Whether a call runs.
    #[must_use]
    pub(crate) fn is_running(&self, node: NodeId, call: CallId) -> bool {
        self.running.contains(&(node, call))
    }

    /// The calls that run for a server.
    #[must_use]
    pub(crate) fn of(&self, node: NodeId) -> BTreeSet<CallId> {
        let from_zero = self.running.range((node, 0)..=(node, CallId::MAX));
        from_zero.map(|(_, call)| *call).collect()
    }

    /// Another server is gone. Returns its calls, which are to be cancelled.
    pub(crate) fn handle_gone(&mut self, node: NodeId) -> BTreeSet<CallId> {
        let gone = self.of(node);
        self.running.retain(|(of, _)| *of != node);
        gone
    }

    /// The number of calls that run.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether none runs.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}
