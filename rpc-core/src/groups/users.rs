//! Which user each peer belongs to. Pure state.

use rustc_hash::FxHashMap;

use super::lists::Lists;
use super::name::Name;
use super::shrinking::remove_from;
use super::target::Target;
use crate::peer::PeerId;

/// A peer belongs to at most one user, and also to those that it is about to have instead: what is sent to
/// these must reach it before other servers have been told.
pub(super) struct Users<M> {
    /// Only peers with users.
    peers: FxHashMap<PeerId, OfPeer>,
    lists: Lists<M>,
    last_ticket: u64,
}

#[derive(Default)]
struct OfPeer {
    user: Option<Name>,
    /// The users that it is about to have, in the order of their tickets.
    next: Vec<(u64, Name)>,
}

impl<M> Users<M> {
    pub(super) fn new() -> Self {
        Self { peers: FxHashMap::default(), lists: Lists::new(Target::User), last_ticket: 0 }
    }

    /// Sets the user of a peer, instead of the former one and of those that it was about to have. `None`: it
    /// belongs to no user.
    pub(super) fn set(&mut self, id: PeerId, user: Option<(&Name, M)>) {
        let of_peer = self.peers.entry(id).or_default();
        let former = std::mem::replace(&mut of_peer.user, user.as_ref().map(|(user, _)| (*user).clone()));
        let next = std::mem::take(&mut of_peer.next);
        if let Some((user, member)) = user {
            self.lists.add(user, id, member);
        }
        self.release(id, former.into_iter().chain(next.into_iter().map(|(_, name)| name)));
    }

    /// Makes a peer belong to a user, beside its former one. The ticket is for [`Users::complete`] or
    /// [`Users::abandon`].
    pub(super) fn begin(&mut self, id: PeerId, user: &Name, member: M) -> u64 {
        self.last_ticket += 1;
        self.peers.entry(id).or_default().next.push((self.last_ticket, user.clone()));
        self.lists.add(user, id, member);
        self.last_ticket
    }

    /// Ends that the peer belongs to its former user, and to those that it was about to have before this one.
    /// Has no effect if a later user was completed meanwhile.
    pub(super) fn complete(&mut self, id: PeerId, ticket: u64) {
        let Some((of_peer, index)) = self.find(id, ticket) else { return };
        let mut former: Vec<Name> = of_peer.next.drain(..=index).map(|(_, name)| name).collect();
        let user = former.pop();
        former.extend(std::mem::replace(&mut of_peer.user, user));
        self.release(id, former.into_iter());
    }

    /// Gives up what [`Users::begin`] has begun, unless it has ended.
    pub(super) fn abandon(&mut self, id: PeerId, ticket: u64) {
        let Some((of_peer, index)) = self.find(id, ticket) else { return };
        let (_, name) = of_peer.next.remove(index);
        self.release(id, [name].into_iter());
    }

    /// The user of a peer.
    pub(super) fn of(&self, id: PeerId) -> Option<&Name> {
        self.peers.get(&id)?.user.as_ref()
    }

    /// The lists of peers.
    pub(super) fn lists(&self) -> &Lists<M> {
        &self.lists
    }

    /// The same, for what is noted about them.
    pub(super) fn lists_mut(&mut self) -> &mut Lists<M> {
        &mut self.lists
    }

    fn find(&mut self, id: PeerId, ticket: u64) -> Option<(&mut OfPeer, usize)> {
        let of_peer = self.peers.get_mut(&id)?;
        let index = of_peer.next.iter().position(|(of, _)| *of == ticket)?;
        Some((of_peer, index))
    }

    /// Removes a peer from users, unless it has them or is about to have them.
    fn release(&mut self, id: PeerId, users: impl Iterator<Item = Name>) {
        for user in users {
            if !self.peers.get(&id).is_some_and(|of_peer| of_peer.holds(&user)) {
                self.lists.remove(&user, id);
            }
        }
        if self.peers.get(&id).is_some_and(OfPeer::is_empty) {
            remove_from(&mut self.peers, &id);
        }
    }
}

impl OfPeer {
    fn holds(&self, user: &Name) -> bool {
        self.user.as_ref() == Some(user) || self.next.iter().any(|(_, next)| next == user)
    }

    fn is_empty(&self) -> bool {
        self.user.is_none() && self.next.is_empty()
    }
}

#[cfg(test)]
impl<M> Users<M> {
    /// Checks that both directions agree, and that nothing is left of what is over.
    pub(super) fn check(&self) {
        for (user, peers) in self.lists.each() {
            assert!(!peers.is_empty(), "{user:?} has no peers");
            assert!(peers.iter().all(|id| self.peers[id].holds(user)), "{user:?}");
        }
        for (id, of_peer) in &self.peers {
            assert!(!of_peer.is_empty(), "{id} has no user");
            let users = of_peer.user.iter().chain(of_peer.next.iter().map(|(_, user)| user));
            users.for_each(|user| assert!(self.lists.contains(user.as_str(), *id)));
        }
    }
}
