//! Which peers are in which groups, and which user each peer belongs to. Pure state.
//!
//! A peer is in a group because the server let it join, because it joined the group as a topic itself, or
//! both. It is a member while either holds. It is also a member while other servers are told of its join; if
//! that fails, the join is given up, and the peer is a member only if another reason holds. The same is true
//! of its user.

use std::collections::{BTreeMap, HashMap};

use rustc_hash::FxHashMap;

use super::error::GroupError;
use super::lists::Lists;
use super::name::Name;
use super::shrinking::remove_from;
use super::target::Target;
use super::users::Users;
use crate::peer::PeerId;

/// `M` is the handle of a peer, which the lists of members contain.
pub(crate) struct Membership<M> {
    /// The peers that have ever been in a group, or have a user, until their connections end.
    peers: FxHashMap<PeerId, Entry<M>>,
    groups: Lists<M>,
    users: Users<M>,
    max_groups: usize,
    /// The last ticket or serial that was given out.
    last: u64,
}

struct Entry<M> {
    member: M,
    groups: HashMap<Name, Causes>,
    /// The joins that have begun and have not ended: groups, and the joins by their tickets.
    joins: HashMap<Name, BTreeMap<u64, Join>>,
}

/// Why a peer is in a group. If none holds, it has a join for which it is admitted.
#[derive(Clone, Copy, Debug, Default)]
struct Causes {
    server: bool,
    /// The serial of the peer's own join.
    topic: Option<u64>,
}

/// A join that has not ended.
#[derive(Clone, Copy, Debug)]
struct Join {
    by: By,
    /// Whether the peer is a member already, because of this join.
    is_admitted: bool,
}

/// On whose behalf a peer joins or leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Server,
    Peer,
}

/// The result of a leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Whether what was to be left was there: the membership, or a join that has not ended.
    pub(crate) was_in: bool,
    /// Whether the peer is not a member any more.
    pub(crate) is_out: bool,
    /// The serial of the peer's own join, which it must be told has ended.
    pub(crate) topic: Option<u64>,
}

impl<M: Clone> Membership<M> {
    /// `max_groups`: the maximum number of groups.
    pub(crate) fn new(max_groups: usize) -> Self {
        Self {
            peers: FxHashMap::default(),
            groups: Lists::new(Target::Group),
            users: Users::new(),
            max_groups,
            last: 0,
        }
    }

    /// Whether the peer is known. A known peer must be removed with [`Membership::end`].
    pub(crate) fn knows(&self, id: PeerId) -> bool {
        self.peers.contains_key(&id)
    }

    /// The handle of a known peer.
    pub(crate) fn member(&self, id: PeerId) -> Option<&M> {
        self.peers.get(&id).map(|entry| &entry.member)
    }

    /// Enters a peer that is not known yet.
    pub(crate) fn enter(&mut self, id: PeerId, member: impl FnOnce() -> M) {
        self.peers.entry(id).or_insert_with(|| Entry {
            member: member(),
            groups: HashMap::new(),
            joins: HashMap::new(),
        });
    }

    /// Adds a known peer to a group on behalf of the server. Joining twice is joining once. `limit`: the
    /// maximum number of groups of this peer.
    pub(crate) fn join(&mut self, id: PeerId, name: &Name, limit: usize) -> Result<(), GroupError> {
        self.check_room(id, name, limit)?;
        self.add(id, name, |causes| causes.server = true);
        Ok(())
    }

    /// Begins a join, which does not make the peer a member yet. The ticket is for [`Membership::admit`] and
    /// [`Membership::complete_join`], or for [`Membership::abandon_join`].
    pub(crate) fn begin_join(
        &mut self,
        id: PeerId,
        name: &Name,
        by: By,
        limit: usize,
    ) -> Result<u64, GroupError> {
        self.check_room(id, name, limit)?;
        self.last += 1;
        let entry = self.peers.get_mut(&id).ok_or(GroupError::Disconnected)?;
        entry.joins.entry(name.clone()).or_default().insert(self.last, Join { by, is_admitted: false });
        Ok(self.last)
    }

    /// Makes the peer a member until the join ends. `false` if it was given up because the group was left;
    /// it is also given up if there is no room.
    pub(crate) fn admit(
        &mut self,
        id: PeerId,
        name: &Name,
        ticket: u64,
        limit: usize,
    ) -> Result<bool, GroupError> {
        if self.join_of(id, name, ticket).is_none() {
            return Ok(false);
        }
        if let Err(full) = self.check_room(id, name, limit) {
            self.abandon_join(id, name, ticket);
            return Err(full);
        }
        if let Some(join) = self.join_of(id, name, ticket) {
            join.is_admitted = true;
        }
        self.add(id, name, |_| {});
        Ok(true)
    }

    /// Ends the join of a peer that was admitted. Returns its serial, which is that of an earlier join if the
    /// peer has joined the topic before. `None` if the group was left since the join began.
    pub(crate) fn complete_join(&mut self, id: PeerId, name: &Name, ticket: u64) -> Option<u64> {
        let entry = self.peers.get_mut(&id)?;
        let join = take_join(entry, name, ticket)?;
        let causes = entry.groups.get_mut(name)?;
        match join.by {
            By::Server => causes.server = true,
            By::Peer => return Some(*causes.topic.get_or_insert(ticket)),
        }
        Some(ticket)
    }

    /// Gives a join up, unless it has ended.
    pub(crate) fn abandon_join(&mut self, id: PeerId, name: &Name, ticket: u64) -> Left {
        let Some(entry) = self.peers.get_mut(&id) else { return Left::default() };
        let was_in = take_join(entry, name, ticket).is_some();
        Left { was_in, is_out: was_in && self.remove_unless_held(id, name), topic: None }
    }

    /// Removes a peer from a group. A leave by the peer itself ends only its own join; a leave by the server
    /// ends all. Joins that have not ended are given up likewise.
    pub(crate) fn leave(&mut self, id: PeerId, name: &Name, by: By) -> Left {
        let Some(entry) = self.peers.get_mut(&id) else { return Left::default() };
        let mut left = Left::default();
        if let Some(joins) = entry.joins.get_mut(name) {
            let before = joins.len();
            joins.retain(|_, join| by == By::Peer && join.by == By::Server);
            left.was_in = joins.len() < before;
            if joins.is_empty() {
                remove_from(&mut entry.joins, name);
            }
        }
        let Some(causes) = entry.groups.get_mut(name) else { return left };
        left.topic = causes.topic.take();
        left.was_in |= left.topic.is_some() || by == By::Server;
        causes.server &= by == By::Peer;
        left.is_out = self.remove_unless_held(id, name);
        left
    }

    /// Sets the user of a known peer, instead of the former one and of those that it was about to have.
    pub(crate) fn set_user(&mut self, id: PeerId, user: Option<&Name>) {
        if let Some(entry) = self.peers.get(&id) {
            self.users.set(id, user.map(|user| (user, entry.member.clone())));
        }
    }

    /// Makes a known peer belong to a user, beside its former one. The ticket is for
    /// [`Membership::complete_user`] or [`Membership::abandon_user`].
    pub(crate) fn begin_user(&mut self, id: PeerId, user: &Name) -> Result<u64, GroupError> {
        let entry = self.peers.get(&id).ok_or(GroupError::Disconnected)?;
        Ok(self.users.begin(id, user, entry.member.clone()))
    }

    /// Ends that the peer belongs to its former user. Has no effect if a later user was completed meanwhile.
    pub(crate) fn complete_user(&mut self, id: PeerId, ticket: u64) {
        self.users.complete(id, ticket);
    }

    /// Gives up what [`Membership::begin_user`] has begun, unless it has ended.
    pub(crate) fn abandon_user(&mut self, id: PeerId, ticket: u64) {
        self.users.abandon(id, ticket);
    }

    /// Forgets a peer, whose connection has ended. Returns the groups that it was in.
    pub(crate) fn end(&mut self, id: PeerId) -> Vec<Name> {
        let Some(entry) = remove_from(&mut self.peers, &id) else { return Vec::new() };
        self.users.set(id, None);
        let left: Vec<Name> = entry.groups.into_keys().collect();
        for name in &left {
            self.groups.remove(name, id);
        }
        left
    }

    /// Whether the peer is in the group.
    pub(crate) fn is_member(&self, id: PeerId, group: &str) -> bool {
        self.groups.contains(group, id)
    }

    /// The members of a group.
    pub(crate) fn members(&self, group: &str) -> impl Iterator<Item = &M> {
        self.groups.of(group)
    }

    /// The number of members of a group.
    pub(crate) fn count(&self, group: &str) -> usize {
        self.groups.count(group)
    }

    /// The peers of a user.
    pub(crate) fn of_user(&self, user: &str) -> impl Iterator<Item = &M> {
        self.users.lists().of(user)
    }

    /// All known peers.
    pub(crate) fn known(&self) -> impl Iterator<Item = &M> {
        self.peers.values().map(|entry| &entry.member)
    }

    /// All groups with members, and all users with peers.
    pub(crate) fn targets(&self) -> impl Iterator<Item = Target> {
        self.groups.targets().chain(self.users.lists().targets())
    }

    /// Sets whether the first and last peers of groups and users are noted from now on.
    pub(crate) fn note_changes(&mut self, on: bool) {
        self.groups.note_changes(on);
        self.users.lists_mut().note_changes(on);
    }

    /// Takes what was noted: groups and users, and whether they have peers now. Those of each target are in
    /// the order of the changes.
    pub(crate) fn take_changes(&mut self) -> impl Iterator<Item = (Target, bool)> {
        self.groups.take_changes().into_iter().chain(self.users.lists_mut().take_changes())
    }

    /// All groups, and the numbers of their members.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = (&Name, usize)> {
        self.groups.sizes()
    }

    /// The groups that a peer is in.
    pub(crate) fn groups_of(&self, id: PeerId) -> Option<impl ExactSizeIterator<Item = &Name>> {
        Some(self.peers.get(&id)?.groups.keys())
    }

    /// The user that a peer belongs to.
    pub(crate) fn user_of(&self, id: PeerId) -> Option<&Name> {
        self.users.of(id)
    }

    /// Whether there is room for the membership.
    fn check_room(&self, id: PeerId, name: &Name, limit: usize) -> Result<(), GroupError> {
        let entry = self.peers.get(&id).ok_or(GroupError::Disconnected)?;
        if entry.groups.contains_key(name) {
            return Ok(());
        }
        if entry.groups.len() >= limit {
            return Err(GroupError::TooManyGroups { limit });
        }
        if self.groups.len() >= self.max_groups && self.groups.count(name.as_str()) == 0 {
            return Err(GroupError::TooManyNames { limit: self.max_groups });
        }
        Ok(())
    }

    fn add(&mut self, id: PeerId, name: &Name, set: impl FnOnce(&mut Causes)) {
        let Some(entry) = self.peers.get_mut(&id) else { return };
        set(entry.groups.entry(name.clone()).or_default());
        self.groups.add(name, id, entry.member.clone());
    }

    /// Removes a peer from a group, unless a reason remains for it to be there. Returns whether it is
    /// removed.
    fn remove_unless_held(&mut self, id: PeerId, name: &Name) -> bool {
        let Some(entry) = self.peers.get_mut(&id) else { return false };
        let Some(causes) = entry.groups.get(name) else { return false };
        let is_admitted = entry.joins.get(name).is_some_and(|joins| joins.values().any(|it| it.is_admitted));
        if causes.server || causes.topic.is_some() || is_admitted {
            return false;
        }
        remove_from(&mut entry.groups, name);
        self.groups.remove(name, id);
        true
    }

    fn join_of(&mut self, id: PeerId, name: &Name, ticket: u64) -> Option<&mut Join> {
        self.peers.get_mut(&id)?.joins.get_mut(name)?.get_mut(&ticket)
    }
}

/// Removes a join that has not ended.
fn take_join<M>(entry: &mut Entry<M>, name: &Name, ticket: u64) -> Option<Join> {
    let joins = entry.joins.get_mut(name)?;
    let join = joins.remove(&ticket);
    if joins.is_empty() {
        remove_from(&mut entry.joins, name);
    }
    join
}

#[cfg(test)]
impl<M: Clone> Membership<M> {
    /// Checks that both directions agree, and that nothing is left of what is over.
    pub(super) fn check(&self) {
        self.users.check();
        for (name, members) in self.groups.each() {
            assert!(!members.is_empty(), "{name:?} is empty");
            for id in members {
                let entry = &self.peers[&id];
                let causes = &entry.groups[name];
                let joins = entry.joins.get(name).into_iter().flat_map(BTreeMap::values);
                let is_admitted = joins.into_iter().any(|join| join.is_admitted);
                assert!(causes.server || causes.topic.is_some() || is_admitted, "{id} in {name:?}");
            }
        }
        for (id, entry) in &self.peers {
            assert!(entry.groups.keys().all(|name| self.groups.contains(name.as_str(), *id)));
            assert!(entry.joins.values().all(|joins| !joins.is_empty()));
        }
        assert!(self.groups.len() <= self.max_groups);
    }
}
