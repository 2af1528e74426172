//! Who is present in each group, and what each watcher has not been told yet. Pure state.
//!
//! An entry is the meta of one peer under one key of a group. Only that peer's server writes it, so the
//! entries of all servers together are the whole presence.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::task::Waker;

use slab::Slab;

use super::error::GroupError;
use super::event::{Meta, PresenceEvent};
use super::global_id::GlobalId;
use super::name::Name;
use super::other_servers::PresenceKey;
use super::shrinking::remove_from;
use crate::peer::PeerId;

pub(crate) struct Presence {
    /// Only groups with entries or watchers.
    groups: HashMap<Name, Watched>,
    /// The keys of each peer that has entries, by group.
    peers: BTreeMap<GlobalId, BTreeMap<Name, BTreeSet<Name>>>,
    limits: PresenceLimits,
    /// The number of entries of each server that has some, and of all.
    of_servers: BTreeMap<u128, usize>,
    entries: usize,
    /// The changes of a server's own entries; `None` if nobody wants to know.
    changes: Option<(u128, Vec<OwnChange>)>,
}

/// The maximum numbers of entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PresenceLimits {
    pub(crate) of_peer: usize,
    pub(crate) total: usize,
}

/// The presence of one group, with its watchers.
#[derive(Default)]
struct Watched {
    /// Only keys with metas. The order of the metas is that of their peers, so it is the same on all servers.
    keys: BTreeMap<Name, BTreeMap<GlobalId, Meta>>,
    watchers: Slab<Watcher>,
}

/// What a watcher has not been told. Changes of one key are told as one, so a watcher that is not polled
/// holds at most the keys that it has been told of, and those that are present.
#[derive(Default)]
struct Watcher {
    /// Whether it has been told the state.
    is_begun: bool,
    /// The keys that have changed, and whether the watcher believes that each of them is present.
    changed: BTreeMap<Name, bool>,
    waker: Option<Waker>,
}

/// A change of one of a server's own entries; without a meta it is removed.
pub(crate) type OwnChange = (PresenceKey, Option<Meta>);

/// The watchers that have something to be told.
pub(crate) type Wakers = Vec<Waker>;

impl Presence {
    pub(crate) fn new(limits: PresenceLimits) -> Self {
        Self {
            groups: HashMap::new(),
            peers: BTreeMap::new(),
            limits,
            of_servers: BTreeMap::new(),
            entries: 0,
            changes: None,
        }
    }

    /// Enters a peer's meta under a key, instead of its former one. Returns the watchers to wake.
    pub(crate) fn track(
        &mut self,
        group: &Name,
        key: &Name,
        peer: GlobalId,
        meta: Meta,
    ) -> Result<Wakers, GroupError> {
        if !self.has(group, key, peer) {
            self.check_room(peer, self.entries)?;
        }
        Ok(self.insert(group, key, peer, meta))
    }

    /// Enters an entry of another server. It is dropped if that server has as many as all may have: each
    /// server refuses its own then, so there are more only if several reach the limit at once.
    pub(crate) fn track_other(&mut self, group: &Name, key: &Name, peer: GlobalId, meta: Meta) -> Wakers {
        let of_server = self.of_servers.get(&peer.node()).copied().unwrap_or(0);
        match self.has(group, key, peer) || self.check_room(peer, of_server).is_ok() {
            true => self.insert(group, key, peer, meta),
            false => Wakers::new(),
        }
    }

    /// Removes a peer's meta under a key. `None` if there was none.
    pub(crate) fn untrack(&mut self, group: &Name, key: &Name, peer: GlobalId) -> Option<Wakers> {
        let groups = self.peers.get_mut(&peer)?;
        let keys = groups.get_mut(group)?;
        if !keys.remove(key) {
            return None;
        }
        if keys.is_empty() {
            groups.remove(group);
        }
        if groups.is_empty() {
            self.peers.remove(&peer);
        }
        Some(self.remove(group, key, peer))
    }

    /// Removes all metas of a peer that leaves a group.
    pub(crate) fn leave(&mut self, group: &Name, peer: GlobalId) -> Wakers {
        let Some(groups) = self.peers.get_mut(&peer) else { return Wakers::new() };
        let keys = groups.remove(group).unwrap_or_default();
        if groups.is_empty() {
            self.peers.remove(&peer);
        }
        keys.iter().flat_map(|key| self.remove(group, key, peer)).collect()
    }

    /// Removes all metas of a peer whose connection has ended.
    pub(crate) fn end(&mut self, peer: GlobalId) -> Wakers {
        let groups = self.peers.remove(&peer).unwrap_or_default();
        let entries = groups.iter().flat_map(|(group, keys)| keys.iter().map(move |key| (group, key)));
        entries.flat_map(|(group, key)| self.remove(group, key, peer)).collect()
    }

    /// Adds a watcher of a group. Returns its key for [`Presence::poll`] and [`Presence::unwatch`].
    pub(crate) fn watch(&mut self, group: &Name) -> usize {
        self.groups.entry(group.clone()).or_default().watchers.insert(Watcher::default())
    }

    /// Removes a watcher. Returns its waker, to be dropped without a lock.
    pub(crate) fn unwatch(&mut self, group: &Name, watcher: usize) -> Option<Waker> {
        let removed = self.groups.get_mut(group).and_then(|watched| watched.watchers.try_remove(watcher));
        self.forget_unused(group);
        removed?.waker
    }

    /// Returns what a watcher has not been told. If there is nothing, `waker` is woken when there is
    /// something, and is exchanged for the former one.
    pub(crate) fn poll(
        &mut self,
        group: &Name,
        watcher: usize,
        waker: &mut Option<Waker>,
    ) -> Option<PresenceEvent> {
        self.groups.get_mut(group)?.poll(watcher, waker)
    }

    /// The peers of a server that have entries, at most so many.
    pub(crate) fn peers_of(&self, node: u128, at_most: usize) -> Vec<GlobalId> {
        self.peers.range(all_of(node)).take(at_most).map(|(peer, _)| *peer).collect()
    }

    /// The peers of all other servers that have entries.
    pub(crate) fn peers_of_others(&self, node: u128) -> Vec<GlobalId> {
        self.peers.keys().copied().filter(|peer| peer.node() != node).collect()
    }

    /// The entries of a server.
    pub(crate) fn entries_of(&self, node: u128) -> Vec<(PresenceKey, Meta)> {
        let of_peer = |(peer, groups): (&GlobalId, &BTreeMap<Name, BTreeSet<Name>>)| {
            let keys = groups.iter().flat_map(|(group, keys)| keys.iter().map(move |key| (group, key)));
            let metas = keys.filter_map(|(group, key)| {
                let meta = self.groups.get(group)?.keys.get(key)?.get(peer)?;
                Some((name_of(group, key, *peer), meta.clone()))
            });
            metas.collect::<Vec<_>>()
        };
        self.peers.range(all_of(node)).flat_map(of_peer).collect()
    }

    /// Sets whether the changes of this server's entries are noted from now on.
    pub(crate) fn note_changes(&mut self, node: Option<u128>) {
        self.changes = node.map(|node| (node, Vec::new()));
    }

    /// Takes what was noted, in the order of the changes.
    pub(crate) fn take_changes(&mut self) -> Vec<OwnChange> {
        self.changes.as_mut().map(|(_, changes)| std::mem::take(changes)).unwrap_or_default()
    }

    fn has(&self, group: &Name, key: &Name, peer: GlobalId) -> bool {
        let metas = self.groups.get(group).and_then(|watched| watched.keys.get(key));
        metas.is_some_and(|metas| metas.contains_key(&peer))
    }

    /// `entries`: the number that is limited in total.
    fn check_room(&self, peer: GlobalId, entries: usize) -> Result<(), GroupError> {
        let PresenceLimits { of_peer, total } = self.limits;
        let of_this = self.peers.get(&peer).map_or(0, |groups| groups.values().map(BTreeSet::len).sum());
        let full = [(of_this, of_peer), (entries, total)].into_iter().find(|(count, limit)| count >= limit);
        full.map_or(Ok(()), |(_, limit)| Err(GroupError::TooManyEntries { limit }))
    }

    fn insert(&mut self, group: &Name, key: &Name, peer: GlobalId, meta: Meta) -> Wakers {
        if self.peers.entry(peer).or_default().entry(group.clone()).or_default().insert(key.clone()) {
            self.entries += 1;
            *self.of_servers.entry(peer.node()).or_default() += 1;
        }
        self.note(group, key, peer, Some(&meta));
        let watched = self.groups.entry(group.clone()).or_default();
        watched.change(key, |metas| drop(metas.insert(peer, meta)))
    }

    fn note(&mut self, group: &Name, key: &Name, peer: GlobalId, meta: Option<&Meta>) {
        if let Some((_, changes)) = self.changes.as_mut().filter(|(node, _)| *node == peer.node()) {
            changes.push((name_of(group, key, peer), meta.cloned()));
        }
    }

    /// Removes an entry that is not among those of its peer any more.
    fn remove(&mut self, group: &Name, key: &Name, peer: GlobalId) -> Wakers {
        self.note(group, key, peer, None);
        let Some(watched) = self.groups.get_mut(group) else { return Wakers::new() };
        self.entries -= 1;
        if let Some(of_server) = self.of_servers.get_mut(&peer.node()) {
            *of_server -= 1;
            if *of_server == 0 {
                self.of_servers.remove(&peer.node());
            }
        }
        let wakers = watched.change(key, |metas| drop(metas.remove(&peer)));
        self.forget_unused(group);
        wakers
    }

    fn forget_unused(&mut self, group: &Name) {
        if self.groups.get(group).is_some_and(|it| it.keys.is_empty() && it.watchers.is_empty()) {
            remove_from(&mut self.groups, group);
        }
    }
}

fn all_of(node: u128) -> RangeInclusive<GlobalId> {
    GlobalId::new(node, PeerId(0))..=GlobalId::new(node, PeerId(u64::MAX))
}

fn name_of(group: &Name, key: &Name, peer: GlobalId) -> PresenceKey {
    PresenceKey { group: group.shared(), key: key.shared(), peer: peer.peer() }
}

impl Watched {
    /// Changes the metas of a key, and notes the change for each watcher.
    fn change(&mut self, key: &Name, change: impl FnOnce(&mut BTreeMap<GlobalId, Meta>)) -> Wakers {
        let was_present = self.keys.contains_key(key);
        let metas = self.keys.entry(key.clone()).or_default();
        change(metas);
        let is_present = !metas.is_empty();
        if !is_present {
            self.keys.remove(key);
        }
        let watchers = self.watchers.iter_mut();
        watchers.filter_map(|(_, watcher)| watcher.note(key, was_present, is_present)).collect()
    }

    fn poll(&mut self, watcher: usize, waker: &mut Option<Waker>) -> Option<PresenceEvent> {
        let Self { keys, watchers } = self;
        let watcher = watchers.get_mut(watcher)?;
        let metas = |key: &Name| {
            keys.get(key).map(|metas| metas.values().cloned().collect::<Vec<_>>()).unwrap_or_default()
        };
        if !watcher.is_begun {
            watcher.is_begun = true;
            let state = keys.keys().map(|key| (key.as_str().to_owned(), metas(key)));
            return Some(PresenceEvent::State(state.collect()));
        }
        let Some((key, was_present)) = watcher.changed.pop_first() else {
            std::mem::swap(&mut watcher.waker, waker);
            return None;
        };
        let (metas, key) = (metas(&key), key.as_str().to_owned());
        Some(match (was_present, metas.is_empty()) {
            (_, true) => PresenceEvent::Left { key, metas },
            (false, false) => PresenceEvent::Joined { key, metas },
            (true, false) => PresenceEvent::Updated { key, metas },
        })
    }
}

impl Watcher {
    fn note(&mut self, key: &Name, was_present: bool, is_present: bool) -> Option<Waker> {
        if !self.is_begun {
            return None;
        }
        let believed = *self.changed.entry(key.clone()).or_insert(was_present);
        if !believed && !is_present {
            // It came and left, and the watcher knows nothing of it.
            self.changed.remove(key);
            return None;
        }
        self.waker.take()
    }
}

#[cfg(test)]
impl Presence {
    /// Checks that the entries are found from both sides, and that nothing is left of what is over.
    pub(super) fn check(&self) {
        let mut entries = 0;
        for (group, watched) in &self.groups {
            assert!(!watched.keys.is_empty() || !watched.watchers.is_empty(), "{group:?} is not used");
            for (key, metas) in &watched.keys {
                assert!(!metas.is_empty(), "{key:?} is empty");
                entries += metas.len();
                assert!(metas.keys().all(|peer| self.peers[peer][group].contains(key)));
            }
            for (_, watcher) in &watched.watchers {
                let is_known = |(key, believed): (&Name, &bool)| *believed || watched.keys.contains_key(key);
                assert!(watcher.changed.iter().all(is_known), "something grows");
            }
        }
        assert_eq!(entries, self.entries);
        let groups = self.peers.values().flat_map(BTreeMap::values);
        assert_eq!(groups.map(BTreeSet::len).sum::<usize>(), entries);
        assert!(self.peers.values().all(|groups| groups.values().all(|keys| !keys.is_empty())));
        assert_eq!(self.of_servers.values().sum::<usize>(), entries);
        assert!(self.of_servers.values().all(|entries| (1..=self.limits.total).contains(entries)));
    }

    /// The number of groups with entries or watchers.
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }
}
