//! Which peers are in which groups, and which user each peer belongs to. Pure state.
//!
//! A peer is in a group because the server let it join, because it joined the group as a topic itself, or
//! both. It is a member while either holds.

use std::collections::{BTreeSet, HashMap};

use rustc_hash::FxHashMap;

use super::error::GroupError;
use super::name::Name;
use super::shrinking::remove_from;
use crate::peer::PeerId;

/// `M` is the handle of a peer, which the lists of members contain.
pub(crate) struct Membership<M> {
    /// The peers that have ever been in a group, or have a user, until their connections end.
    peers: FxHashMap<PeerId, Entry<M>>,
    /// Only groups with members. The hash is keyed, since clients may choose the names of topics.
    groups: HashMap<Name, Members<M>>,
    /// Only users with peers.
    users: HashMap<Name, Members<M>>,
    max_groups: usize,
    /// The last ticket or serial that was given out.
    last: u64,
}

type Members<M> = FxHashMap<PeerId, M>;

struct Entry<M> {
    member: M,
    groups: HashMap<Name, Causes>,
    user: Option<Name>,
    /// The topics whose joins are being authorized, with the tickets of these joins.
    pending: HashMap<Name, BTreeSet<u64>>,
}

/// Why a peer is in a group; at least one of them holds.
#[derive(Clone, Copy, Debug, Default)]
struct Causes {
    server: bool,
    /// The serial of the peer's own join.
    topic: Option<u64>,
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
    /// Whether what was to be left was there: the membership, or a join that is being authorized.
    pub(crate) was_in: bool,
    /// Whether the peer is not a member any more.
    pub(crate) is_out: bool,
    /// Whether the group has no members any more.
    pub(crate) is_empty: bool,
    /// The serial of the peer's own join, which it must be told has ended.
    pub(crate) topic: Option<u64>,
}

impl<M: Clone> Membership<M> {
    /// `max_groups`: the maximum number of groups.
    pub(crate) fn new(max_groups: usize) -> Self {
        Self {
            peers: FxHashMap::default(),
            groups: HashMap::new(),
            users: HashMap::new(),
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
            user: None,
            pending: HashMap::new(),
        });
    }

    /// Adds a known peer to a group on behalf of the server. Joining twice is joining once. `limit`: the
    /// maximum number of groups of this peer. Returns whether the group is new.
    pub(crate) fn join(&mut self, id: PeerId, name: &Name, limit: usize) -> Result<bool, GroupError> {
        self.add(id, name, limit, |causes| causes.server = true)
    }

    /// Begins the join of a peer that asks for it. The ticket is for [`Membership::complete_join`], once the
    /// join is authorized, or for [`Membership::abandon_join`].
    pub(crate) fn begin_join(&mut self, id: PeerId, name: &Name, limit: usize) -> Result<u64, GroupError> {
        self.check_room(id, name, limit)?;
        self.last += 1;
        let entry = self.peers.get_mut(&id).ok_or(GroupError::Disconnected)?;
        entry.pending.entry(name.clone()).or_default().insert(self.last);
        Ok(self.last)
    }

    /// Completes a join. Returns its serial, which is that of an earlier join if the peer has joined the
    /// topic before. `None` if the topic was left since the join began.
    pub(crate) fn complete_join(
        &mut self,
        id: PeerId,
        name: &Name,
        ticket: u64,
        limit: usize,
    ) -> Result<Option<u64>, GroupError> {
        if !self.abandon_join(id, name, ticket) {
            return Ok(None);
        }
        let mut serial = ticket;
        self.add(id, name, limit, |causes| serial = *causes.topic.get_or_insert(ticket))?;
        Ok(Some(serial))
    }

    /// Gives a join up; `false` if that has happened before.
    pub(crate) fn abandon_join(&mut self, id: PeerId, name: &Name, ticket: u64) -> bool {
        let Some(entry) = self.peers.get_mut(&id) else { return false };
        let Some(tickets) = entry.pending.get_mut(name) else { return false };
        let was_pending = tickets.remove(&ticket);
        if tickets.is_empty() {
            remove_from(&mut entry.pending, name);
        }
        was_pending
    }

    /// Removes a peer from a group. A leave by the peer itself ends only its own join; a leave by the server
    /// ends both. Joins that are being authorized are given up.
    pub(crate) fn leave(&mut self, id: PeerId, name: &Name, by: By) -> Left {
        let Some(entry) = self.peers.get_mut(&id) else { return Left::default() };
        let mut left = Left { was_in: remove_from(&mut entry.pending, name).is_some(), ..Left::default() };
        let Some(causes) = entry.groups.get_mut(name) else { return left };
        left.topic = causes.topic.take();
        left.was_in |= left.topic.is_some() || by == By::Server;
        causes.server &= by == By::Peer;
        if !causes.server {
            remove_from(&mut entry.groups, name);
            (left.is_out, left.is_empty) = (true, remove_member(&mut self.groups, name, id));
        }
        left
    }

    /// Sets the user of a known peer, instead of the former one.
    pub(crate) fn set_user(&mut self, id: PeerId, user: Option<&Name>) {
        let Some(entry) = self.peers.get_mut(&id) else { return };
        if entry.user.as_ref() == user {
            return;
        }
        if let Some(former) = std::mem::replace(&mut entry.user, user.cloned()) {
            remove_member(&mut self.users, &former, id);
        }
        if let Some(user) = user {
            self.users.entry(user.clone()).or_default().insert(id, entry.member.clone());
        }
    }

    /// Forgets a peer, whose connection has ended. Returns the groups that it was in.
    pub(crate) fn end(&mut self, id: PeerId) -> Vec<Name> {
        let Some(entry) = remove_from(&mut self.peers, &id) else { return Vec::new() };
        if let Some(user) = entry.user {
            remove_member(&mut self.users, &user, id);
        }
        let left: Vec<Name> = entry.groups.into_keys().collect();
        for name in &left {
            remove_member(&mut self.groups, name, id);
        }
        left
    }

    /// Whether the peer is in the group.
    pub(crate) fn is_member(&self, id: PeerId, group: &str) -> bool {
        self.groups.get(group).is_some_and(|members| members.contains_key(&id))
    }

    /// The members of a group.
    pub(crate) fn members(&self, group: &str) -> impl Iterator<Item = &M> {
        self.groups.get(group).into_iter().flat_map(FxHashMap::values)
    }

    /// The number of members of a group.
    pub(crate) fn count(&self, group: &str) -> usize {
        self.groups.get(group).map_or(0, FxHashMap::len)
    }

    /// The peers of a user.
    pub(crate) fn of_user(&self, user: &str) -> impl Iterator<Item = &M> {
        self.users.get(user).into_iter().flat_map(FxHashMap::values)
    }

    /// All known peers.
    pub(crate) fn known(&self) -> impl Iterator<Item = &M> {
        self.peers.values().map(|entry| &entry.member)
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
        if self.groups.len() >= self.max_groups && !self.groups.contains_key(name) {
            return Err(GroupError::TooManyNames { limit: self.max_groups });
        }
        Ok(())
    }

    fn add(
        &mut self,
        id: PeerId,
        name: &Name,
        limit: usize,
        set: impl FnOnce(&mut Causes),
    ) -> Result<bool, GroupError> {
        self.check_room(id, name, limit)?;
        let entry = self.peers.get_mut(&id).ok_or(GroupError::Disconnected)?;
        set(entry.groups.entry(name.clone()).or_default());
        let members = self.groups.entry(name.clone()).or_default();
        let is_new = members.is_empty();
        members.insert(id, entry.member.clone());
        Ok(is_new)
    }
}

/// Removes a member, and its list if that is empty now. Returns whether it is.
fn remove_member<M>(lists: &mut HashMap<Name, Members<M>>, name: &Name, id: PeerId) -> bool {
    let Some(members) = lists.get_mut(name) else { return false };
    remove_from(members, &id);
    let is_empty = members.is_empty();
    if is_empty {
        remove_from(lists, name);
    }
    is_empty
}

#[cfg(test)]
impl<M: Clone> Membership<M> {
    /// Checks that both directions agree, and that nothing is left of what is over.
    pub(super) fn check(&self) {
        for (name, members) in &self.groups {
            assert!(!members.is_empty(), "{name:?} is empty");
            for id in members.keys() {
                let causes = self.peers.get(id).and_then(|entry| entry.groups.get(name));
                assert!(causes.is_some_and(|it| it.server || it.topic.is_some()), "{id} in {name:?}");
            }
        }
        for (user, peers) in &self.users {
            assert!(!peers.is_empty(), "{user:?} has no peers");
            let has = |id| self.peers.get(id).and_then(|entry| entry.user.as_ref()) == Some(user);
            assert!(peers.keys().all(has), "{user:?}");
        }
        for (id, entry) in &self.peers {
            assert!(entry.groups.keys().all(|name| self.groups[name].contains_key(id)));
            assert!(entry.user.iter().all(|user| self.users[user].contains_key(id)));
            assert!(entry.pending.values().all(|tickets| !tickets.is_empty()));
        }
        assert!(self.groups.len() <= self.max_groups);
    }
}
