//! Questions how many peers a target has on other servers, at the server that asks. Pure state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::calls::{ACCEPT_WITHIN, CallId};
use crate::node_id::NodeId;

/// The questions that are open. A server that does not answer within a second counts nothing.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    open: BTreeMap<CallId, Count>,
    ended: Vec<(CallId, u64)>,
}

#[derive(Debug)]
struct Count {
    missing: BTreeSet<NodeId>,
    sum: u64,
    until: Duration,
}

impl Counts {
    pub(crate) fn ask(&mut self, call: CallId, nodes: impl Iterator<Item = NodeId>, now: Duration) {
        self.open.insert(call, Count { missing: nodes.collect(), sum: 0, until: now + ACCEPT_WITHIN });
        self.end_complete();
    }

    pub(crate) fn handle_counted(&mut self, node: NodeId, call: CallId, count: u64) {
        if let Some(open) = self.open.get_mut(&call)
            && open.missing.remove(&node)
        {
            open.sum = open.sum.saturating_add(count);
            self.end_complete();
        }
    }

    pub(crate) fn handle_gone(&mut self, node: NodeId) {
        for open in self.open.values_mut() {
            open.missing.remove(&node);
        }
        self.end_complete();
    }

    /// The engine cannot be reached.
    pub(crate) fn handle_lost(&mut self) {
        self.open.values_mut().for_each(|open| open.missing.clear());
        self.end_complete();
    }

    pub(crate) fn handle_unpublished(&mut self, call: CallId) {
        self.ended.extend(self.open.remove(&call).map(|open| (call, open.sum)));
    }

    pub(crate) fn forget(&mut self, call: CallId) {
        self.open.remove(&call);
        self.ended.retain(|(ended, _)| *ended != call);
    }

    pub(crate) fn handle_time(&mut self, now: Duration) {
        self.open.values_mut().filter(|open| now >= open.until).for_each(|open| open.missing.clear());
        self.end_complete();
    }

    /// Questions are answered in their order or not at all, so the first is the first to end.
    pub(crate) fn next_time(&self) -> Option<Duration> {
        self.open.first_key_value().map(|(_, open)| open.until)
    }

    pub(crate) fn poll_ended(&mut self) -> Option<(CallId, u64)> {
        self.ended.pop()
    }

    pub(crate) fn is_open(&self, call: CallId) -> bool {
        self.open.contains_key(&call)
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    fn end_complete(&mut self) {
        let done: Vec<CallId> =
            self.open.iter().filter(|(_, open)| open.missing.is_empty()).map(|(call, _)| *call).collect();
        done.into_iter().for_each(|call| self.handle_unpublished(call));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_that_come_in_time_are_added() {
        let mut counts = Counts::default();
        let nodes = || [NodeId(1), NodeId(2)].into_iter();
        counts.ask(1, nodes(), Duration::ZERO);
        counts.handle_counted(NodeId(1), 1, 5);
        counts.handle_counted(NodeId(1), 1, 5);
        assert_eq!(counts.poll_ended(), None);
        counts.handle_counted(NodeId(2), 1, u64::MAX);
        assert_eq!(counts.poll_ended(), Some((1, u64::MAX)));
        counts.ask(2, nodes(), Duration::ZERO);
        counts.handle_counted(NodeId(1), 2, 5);
        counts.handle_time(counts.next_time().expect("it waits"));
        assert_eq!(counts.poll_ended(), Some((2, 5)));
        counts.ask(3, nodes(), Duration::ZERO);
        counts.handle_gone(NodeId(1));
        counts.handle_lost();
        assert_eq!((counts.poll_ended(), counts.len()), (Some((3, 0)), 0));
        counts.ask(4, std::iter::empty(), Duration::ZERO);
        assert_eq!(counts.poll_ended(), Some((4, 0)));
    }
}
