//! The groups of a server: the tables under their lock, and when peers enter and leave them.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use super::error::GroupError;
use super::event::{Meta, PresenceEvent};
use super::global_id::{GlobalId, random_node};
use super::membership::{By, Left, Membership};
use super::name::Name;
use super::presence::{Presence, PresenceLimits, Wakers};
use super::recipient::{Member, Recipient};
use crate::close::ConnectionState;
use crate::peer::{Peer, PeerId};

/// Maximum number of groups of a server.
const MAX_GROUPS: usize = 100_000;

const PRESENCE: PresenceLimits = PresenceLimits { of_peer: 256, total: 100_000 };

/// All connections of a server, which has its own list of them.
pub trait AllPeers: Send + Sync {
    /// The connections.
    fn list(&self) -> Vec<Peer>;
    /// The connection with this id.
    fn get(&self, id: PeerId) -> Option<Peer>;
}

pub(crate) struct Registry {
    node: u128,
    /// Set if the connections belong to a server.
    all: Option<Box<dyn AllPeers>>,
    /// Maximum size of a message, in bytes, once it is known.
    max_message: OnceLock<usize>,
    state: Mutex<State>,
}

struct State {
    membership: Membership<Arc<Member>>,
    presence: Presence,
}

/// The registries that a peer is in. The value is kept with the peer's connection, so it is dropped with the
/// other values when the connection has ended, and a value that comes too late is dropped at once.
#[derive(Default)]
pub(super) struct Entered(Mutex<Vec<Leave>>);

/// Removes a peer from a registry when it is dropped.
struct Leave {
    registry: Arc<Registry>,
    id: PeerId,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.registry.end(self.id);
    }
}

impl Entered {
    /// Leaves all groups of a peer whose connection has ended, before its other values are dropped.
    pub(super) fn leave(peer: &Peer) {
        if let Some(entered) = peer.get::<Self>() {
            let leaving = std::mem::take(&mut *entered.0.lock().unwrap_or_else(PoisonError::into_inner));
            drop(leaving);
        }
    }
}

impl Registry {
    pub(super) fn new(all: Option<Box<dyn AllPeers>>) -> Self {
        let state = State { membership: Membership::new(MAX_GROUPS), presence: Presence::new(PRESENCE) };
        Self { node: random_node(), all, max_message: OnceLock::new(), state: Mutex::new(state) }
    }

    /// Sets the maximum size of a message, in bytes. The first one counts.
    pub(super) fn set_max_message(&self, bytes: usize) {
        self.max_message.get_or_init(|| bytes);
    }

    pub(super) fn max_message(&self) -> usize {
        self.max_message.get().copied().unwrap_or(usize::MAX)
    }

    pub(super) fn global_id(&self, id: PeerId) -> GlobalId {
        GlobalId::new(self.node, id)
    }

    /// The connection with this id, if it is one of this server.
    pub(super) fn peer(&self, id: GlobalId) -> Option<Peer> {
        if id.node() != self.node {
            return None;
        }
        let listed = self.all.as_ref().and_then(|all| all.get(id.peer()));
        listed.or_else(|| self.lock().membership.member(id.peer()).map(|member| member.peer().clone()))
    }

    /// Changes the membership of a peer, which is entered if it is not known yet.
    pub(super) fn with_peer<R>(
        self: &Arc<Self>,
        peer: &Peer,
        change: impl FnOnce(&mut Membership<Arc<Member>>) -> Result<R, GroupError>,
    ) -> Result<R, GroupError> {
        let id = peer.id();
        let mut state = self.lock();
        // Checked under the lock: the state of a connection changes before its groups are left, so either
        // this sees the change, or the leave finds the peer.
        if matches!(peer.state(), ConnectionState::Closing | ConnectionState::Closed) {
            return Err(GroupError::Disconnected);
        }
        let is_new = !state.membership.knows(id);
        state.membership.enter(id, || Arc::new(Member::new(peer.plain())));
        let changed = change(&mut state.membership);
        drop(state);
        if is_new {
            let leave = Leave { registry: self.clone(), id };
            peer.value_or_default::<Entered>().0.lock().unwrap_or_else(PoisonError::into_inner).push(leave);
            if peer.state() == ConnectionState::Closed {
                return Err(GroupError::Disconnected);
            }
        }
        changed
    }

    /// Changes the membership of a peer that may be unknown.
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut Membership<Arc<Member>>) -> R) -> R {
        change(&mut self.lock().membership)
    }

    /// Removes a peer from a group, with its presence there.
    pub(super) fn leave(&self, id: PeerId, group: &Name, by: By) -> Left {
        let mut state = self.lock();
        let left = state.membership.leave(id, group, by);
        let wakers = match left.is_out {
            true => state.presence.leave(group, self.global_id(id)),
            false => Wakers::new(),
        };
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        left
    }

    /// Forgets a peer whose connection has ended.
    pub(super) fn end(&self, id: PeerId) {
        let mut state = self.lock();
        // Dropped without the lock: it may be the last handle of its connection.
        let _member = state.membership.member(id).cloned();
        state.membership.end(id);
        let wakers = state.presence.end(self.global_id(id));
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn track(&self, id: PeerId, group: &str, key: &Name, meta: Meta) -> Result<(), GroupError> {
        let group = Name::new(group)?;
        let mut state = self.lock();
        if !state.membership.is_member(id, group.as_str()) {
            return Err(GroupError::NotMember);
        }
        let wakers = state.presence.track(&group, key, self.global_id(id), meta)?;
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        Ok(())
    }

    pub(super) fn untrack(&self, id: PeerId, group: &Name, key: &Name) -> bool {
        let removed = self.lock().presence.untrack(group, key, self.global_id(id));
        let was_tracked = removed.is_some();
        removed.into_iter().flatten().for_each(Waker::wake);
        was_tracked
    }

    pub(super) fn watch(&self, group: &Name) -> usize {
        self.lock().presence.watch(group)
    }

    pub(super) fn unwatch(&self, group: &Name, watcher: usize) {
        let waker = self.lock().presence.unwatch(group, watcher);
        drop(waker);
    }

    pub(super) fn poll_watch(&self, group: &Name, watcher: usize, waker: &Waker) -> Option<PresenceEvent> {
        // Cloned and dropped without the lock, since both run code of the executor.
        let mut waker = Some(waker.clone());
        let event = self.lock().presence.poll(group, watcher, &mut waker);
        drop(waker);
        event
    }

    /// All connections of the server. Those that are in no group are known to the server alone.
    pub(super) fn all(&self) -> Vec<Recipient> {
        let Some(all) = &self.all else {
            return self.with(|it| it.known().cloned().map(Recipient::Member).collect());
        };
        let peers = all.list();
        let state = self.lock();
        let known = |peer: Peer| match state.membership.member(peer.id()) {
            Some(member) => Recipient::Member(member.clone()),
            None => Recipient::Other(peer),
        };
        peers.into_iter().map(known).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of the application runs under the lock, so a poisoned lock protects a consistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
