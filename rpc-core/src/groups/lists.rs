//! Named lists of peers.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::name::Name;
use super::shrinking::remove_from;
use super::target::Target;
use crate::peer::PeerId;

/// The groups, or the users: lists of peers, by name. `M` is the handle of a peer. There are only lists with
/// peers.
pub(super) struct Lists<M> {
    /// The hash is keyed, since clients may choose the names.
    lists: HashMap<Name, FxHashMap<PeerId, M>>,
    target: fn(Arc<str>) -> Target,
    /// The lists that have got their first peer or lost their last one; `None` if nobody wants to know.
    changes: Option<Vec<(Target, bool)>>,
}

impl<M> Lists<M> {
    /// `target` makes what a list is to those who send to it.
    pub(super) fn new(target: fn(Arc<str>) -> Target) -> Self {
        Self { lists: HashMap::new(), target, changes: None }
    }

    /// Adds a peer.
    pub(super) fn add(&mut self, name: &Name, id: PeerId, member: M) {
        let list = self.lists.entry(name.clone()).or_default();
        let is_first = list.is_empty();
        list.insert(id, member);
        if is_first {
            self.note(name, true);
        }
    }

    /// Removes a peer.
    pub(super) fn remove(&mut self, name: &Name, id: PeerId) {
        let Some(list) = self.lists.get_mut(name) else { return };
        remove_from(list, &id);
        if list.is_empty() {
            remove_from(&mut self.lists, name);
            self.note(name, false);
        }
    }

    pub(super) fn of(&self, name: &str) -> impl Iterator<Item = &M> {
        self.lists.get(name).into_iter().flat_map(FxHashMap::values)
    }

    pub(super) fn contains(&self, name: &str, id: PeerId) -> bool {
        self.lists.get(name).is_some_and(|list| list.contains_key(&id))
    }

    /// The number of peers of a list.
    pub(super) fn count(&self, name: &str) -> usize {
        self.lists.get(name).map_or(0, FxHashMap::len)
    }

    /// The number of lists.
    pub(super) fn len(&self) -> usize {
        self.lists.len()
    }

    /// All names, and the numbers of their peers.
    pub(super) fn sizes(&self) -> impl Iterator<Item = (&Name, usize)> {
        self.lists.iter().map(|(name, peers)| (name, peers.len()))
    }

    /// What the lists are to those who send to them.
    pub(super) fn targets(&self) -> impl Iterator<Item = Target> {
        self.lists.keys().map(|name| (self.target)(name.shared()))
    }

    /// Sets whether first and last peers are noted from now on.
    pub(super) fn note_changes(&mut self, on: bool) {
        self.changes = on.then(Vec::new);
    }

    /// Takes what was noted: lists, and whether they have peers now, in the order of the changes.
    pub(super) fn take_changes(&mut self) -> Vec<(Target, bool)> {
        self.changes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn note(&mut self, name: &Name, has_peers: bool) {
        if let Some(changes) = &mut self.changes {
            changes.push(((self.target)(name.shared()), has_peers));
        }
    }

    /// The peers of each list.
    #[cfg(test)]
    pub(super) fn each(&self) -> impl Iterator<Item = (&Name, Vec<PeerId>)> {
        self.lists.iter().map(|(name, list)| (name, list.keys().copied().collect()))
    }
}
