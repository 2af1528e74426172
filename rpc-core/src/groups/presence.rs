//! Who is present in each group, and what each watcher has not been told yet. Pure state.
//!
//! An entry is the meta of one peer under one key of a group. Only that peer's server writes it, so the
//! entries of all servers together are the whole presence.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::task::Waker;

use slab::Slab;

use super::error::GroupError;
use super::event::{Meta, PresenceEvent};
use super::global_id::GlobalId;
use super::name::Name;
use super::shrinking::remove_from;

pub(crate) struct Presence {
    /// Only groups with entries or watchers.
    groups: HashMap<Name, Watched>,
    /// The keys of each peer that has entries, by group.
    peers: HashMap<GlobalId, BTreeMap<Name, BTreeSet<Name>>>,
    limits: PresenceLimits,
    entries: usize,
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

/// The watchers that have something to be told.
pub(crate) type Wakers = Vec<Waker>;

impl Presence {
    pub(crate) fn new(limits: PresenceLimits) -> Self {
        Self { groups: HashMap::new(), peers: HashMap::new(), limits, entries: 0 }
    }

    /// Enters a peer's meta under a key, instead of its former one. Returns the watchers to wake.
    pub(crate) fn track(
        &mut self,
        group: &Name,
        key: &Name,
        peer: GlobalId,
        meta: Meta,
    ) -> Result<Wakers, GroupError> {
        let has = |watched: &Watched| watched.keys.get(key).is_some_and(|metas| metas.contains_key(&peer));
        if !self.groups.get(group).is_some_and(has) {
            self.check_room(peer)?;
            self.entries += 1;
            let keys = self.peers.entry(peer).or_default();
            keys.entry(group.clone()).or_default().insert(key.clone());
        }
        let watched = self.groups.entry(group.clone()).or_default();
        Ok(watched.change(key, |metas| drop(metas.insert(peer, meta))))
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
            remove_from(&mut self.peers, &peer);
        }
        Some(self.remove(group, key, peer))
    }

    /// Removes all metas of a peer that leaves a group.
    pub(crate) fn leave(&mut self, group: &Name, peer: GlobalId) -> Wakers {
        let Some(groups) = self.peers.get_mut(&peer) else { return Wakers::new() };
        let keys = groups.remove(group).unwrap_or_default();
        if groups.is_empty() {
            remove_from(&mut self.peers, &peer);
        }
        keys.iter().flat_map(|key| self.remove(group, key, peer)).collect()
    }

    /// Removes all metas of a peer whose connection has ended.
    pub(crate) fn end(&mut self, peer: GlobalId) -> Wakers {
        let groups = remove_from(&mut self.peers, &peer).unwrap_or_default();
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

    fn check_room(&self, peer: GlobalId) -> Result<(), GroupError> {
        let PresenceLimits { of_peer, total } = self.limits;
        let of_this = self.peers.get(&peer).map_or(0, |groups| groups.values().map(BTreeSet::len).sum());
        let full =
            [(of_this, of_peer), (self.entries, total)].into_iter().find(|(count, limit)| count >= limit);
        full.map_or(Ok(()), |(_, limit)| Err(GroupError::TooManyEntries { limit }))
    }

    /// Removes an entry that is not among those of its peer any more.
    fn remove(&mut self, group: &Name, key: &Name, peer: GlobalId) -> Wakers {
        let Some(watched) = self.groups.get_mut(group) else { return Wakers::new() };
        self.entries -= 1;
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
        assert!(entries <= self.limits.total);
    }

    /// The number of groups with entries or watchers.
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }
}
