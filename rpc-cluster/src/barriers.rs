//! Decides when a join holds on all servers. Pure state.
//!
//! The first member of a group on a server makes the server subscribe to the group's topic. When the engine
//! has the subscription, other servers, or other machines of the engine, may not know of it yet, and what
//! they publish in that moment is lost. So the join waits for a *barrier*: a message to all servers, which
//! each of them answers. The barrier and its answers travel the same ways as messages of the group, behind
//! the subscription, so a server that has answered reaches this one.
//!
//! A join waits for the first barrier that is published after its subscription. One barrier is out at a time,
//! and the next one is for all joins that wait by then, so a burst of joins costs few barriers. A server that
//! does not answer in time is *suspect*: barriers leave it out until something of it is heard again, so that
//! a dead server delays joins once, and not until its death is known.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::node_id::NodeId;

/// How long a barrier waits for its answers.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);

/// The minimum time between two barriers, for each server that has to answer.
const PACE: Duration = Duration::from_millis(1);

/// Identifies a join that waits.
pub(crate) type JoinId = u64;

/// A barrier, which is to be published to all servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Barrier {
    /// Its number, which the answers repeat.
    pub(crate) number: u64,
}

/// How a join has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// All servers that are not suspect reach this one.
    Proved,
    /// The engine cannot be reached; the peer is a member on its own server.
    Unreachable,
}

/// The joins that wait, and the barrier that is out. Time is the time since any fixed moment.
#[derive(Debug, Default)]
pub(crate) struct Barriers {
    /// Joins whose subscription the engine has, and which no barrier has been published for.
    waiting: BTreeSet<JoinId>,
    out: Option<Out>,
    /// The other servers.
    nodes: BTreeSet<NodeId>,
    suspects: BTreeSet<NodeId>,
    last_number: u64,
    /// When the next barrier may be published.
    next_at: Duration,
    is_lost: bool,
    ended: Vec<(JoinId, Joined)>,
}

#[derive(Debug)]
struct Out {
    number: u64,
    joins: BTreeSet<JoinId>,
    /// The servers that have not answered.
    missing: BTreeSet<NodeId>,
    /// When those that are missing become suspect; `None` until the engine has taken the barrier.
    until: Option<Duration>,
}

impl Barriers {
    /// Another server is alive: it has come, or something of it was heard.
    pub(crate) fn handle_heard(&mut self, node: NodeId) {
        self.nodes.insert(node);
        self.suspects.remove(&node);
    }

    /// Another server is dead, or leaves.
    pub(crate) fn handle_gone(&mut self, node: NodeId) {
        self.nodes.remove(&node);
        self.suspects.remove(&node);
        if let Some(out) = &mut self.out {
            out.missing.remove(&node);
        }
        self.end_complete();
    }

    /// The engine has the subscription of a join.
    pub(crate) fn handle_subscribed(&mut self, join: JoinId) {
        match self.is_lost {
            true => self.ended.push((join, Joined::Unreachable)),
            false => drop(self.waiting.insert(join)),
        }
    }

    /// Nobody waits for a join any more.
    #[cfg(test)]
    pub(crate) fn forget(&mut self, join: JoinId) {
        self.waiting.remove(&join);
        if let Some(out) = &mut self.out {
            out.joins.remove(&join);
        }
        self.ended.retain(|(ended, _)| *ended != join);
    }

    /// A server has answered a barrier.
    pub(crate) fn handle_answer(&mut self, node: NodeId, number: u64) {
        if let Some(out) = self.out.as_mut().filter(|out| out.number == number) {
            out.missing.remove(&node);
        }
        self.handle_heard(node);
        self.end_complete();
    }

    /// The engine cannot be reached: joins that wait hold on this server alone.
    pub(crate) fn handle_lost(&mut self) {
        self.is_lost = true;
        let out = self.out.take().map(|out| out.joins).unwrap_or_default();
        let joins = std::mem::take(&mut self.waiting).into_iter().chain(out);
        self.ended.extend(joins.map(|join| (join, Joined::Unreachable)));
    }

    /// The engine can be reached again.
    pub(crate) fn handle_restored(&mut self) {
        self.is_lost = false;
    }

    /// The barrier to publish now, if one is due. If nobody has to answer, the joins end without one.
    /// [`Barriers::handle_published`] must follow.
    pub(crate) fn poll_barrier(&mut self, now: Duration) -> Option<Barrier> {
        if self.out.is_some() || self.waiting.is_empty() || self.is_lost || now < self.next_at {
            return None;
        }
        let joins = std::mem::take(&mut self.waiting);
        let missing: BTreeSet<NodeId> = self.nodes.difference(&self.suspects).copied().collect();
        if missing.is_empty() {
            self.ended.extend(joins.into_iter().map(|join| (join, Joined::Proved)));
            return None;
        }
        self.last_number += 1;
        let count = u32::try_from(missing.len()).unwrap_or(u32::MAX);
        self.next_at = now + PACE.saturating_mul(count);
        self.out = Some(Out { number: self.last_number, joins, missing, until: None });
        Some(Barrier { number: self.last_number })
    }

    /// The engine has taken a barrier, or has not: then nothing can be proved, and nobody is suspect.
    pub(crate) fn handle_published(&mut self, number: u64, is_taken: bool, now: Duration) {
        let Some(out) = self.out.as_mut().filter(|out| out.number == number) else { return };
        if is_taken {
            out.until = Some(now + TIMEOUT);
        } else if let Some(out) = self.out.take() {
            self.ended.extend(out.joins.into_iter().map(|join| (join, Joined::Unreachable)));
        }
    }

    /// The time has come to which [`Barriers::next_time`] has pointed. Servers that have not answered in time
    /// become suspect.
    pub(crate) fn handle_time(&mut self, now: Duration) {
        if let Some(out) = self.out.as_mut().filter(|out| out.until.is_some_and(|until| now >= until)) {
            self.suspects.append(&mut out.missing);
            self.end_complete();
        }
    }

    /// The next time at which something is due: a barrier, or the end of one.
    #[must_use]
    pub(crate) fn next_time(&self) -> Option<Duration> {
        match &self.out {
            Some(out) => out.until,
            None => (!self.waiting.is_empty() && !self.is_lost).then_some(self.next_at),
        }
    }

    /// A join that has ended.
    pub(crate) fn poll_ended(&mut self) -> Option<(JoinId, Joined)> {
        self.ended.pop()
    }

    /// The servers that do not answer.
    #[cfg(test)]
    pub(crate) fn suspects(&self) -> &BTreeSet<NodeId> {
        &self.suspects
    }

    /// Ends the joins of the barrier that is out, if nothing more is missing.
    fn end_complete(&mut self) {
        if let Some(out) = self.out.take_if(|out| out.missing.is_empty()) {
            self.ended.extend(out.joins.into_iter().map(|join| (join, Joined::Proved)));
        }
    }
}
