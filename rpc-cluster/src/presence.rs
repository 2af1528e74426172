//! The presence entries of other servers. Pure state.
//!
//! Each server is the only writer of its entries and numbers its changes. So the whole presence is the union
//! of the entries of all servers, and two servers that know the same version of each agree. A server
//! publishes each change as a delta, and its version with each heartbeat. Another server that has an older
//! version, or gets a delta beyond the next one, asks for a snapshot. Deltas up to the snapshot's version are
//! dropped, and later ones wait for it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use crate::node_id::NodeId;

/// Maximum number of deltas that wait for a snapshot, of each server. Later ones are dropped, and the next
/// heartbeat asks for another snapshot.
const MAX_LATER: usize = 1024;

/// Maximum number of entries of each server. Others are dropped.
const MAX_ENTRIES: usize = 100_000;

/// A change of an entry: its new meta, or `None` if it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delta<K, M> {
    /// The version with this change.
    pub(crate) version: u64,
    /// The entry: its group, key and peer.
    pub(crate) key: K,
    /// Its meta.
    pub(crate) meta: Option<M>,
}

/// A part of a snapshot, of whole entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece<K, M> {
    /// The version of the snapshot.
    pub(crate) version: u64,
    /// Its position among the pieces.
    pub(crate) index: u32,
    /// Whether it is the last one.
    pub(crate) is_last: bool,
    /// The entries.
    pub(crate) entries: Vec<(K, M)>,
}

/// The entries of this server.
#[derive(Debug)]
pub(crate) struct OwnEntries<K, M> {
    version: u64,
    entries: BTreeMap<K, M>,
}

impl<K, M> Default for OwnEntries<K, M> {
    fn default() -> Self {
        Self { version: 0, entries: BTreeMap::new() }
    }
}

impl<K: Clone + Ord, M: Clone> OwnEntries<K, M> {
    /// `version`: greater than each that a former node of this server had.
    pub(crate) fn new(version: u64) -> Self {
        Self { version, entries: BTreeMap::new() }
    }

    /// Changes an entry. Returns the delta to publish.
    pub(crate) fn change(&mut self, key: K, meta: Option<M>) -> Delta<K, M> {
        self.version += 1;
        match meta.clone() {
            Some(meta) => drop(self.entries.insert(key.clone(), meta)),
            None => drop(self.entries.remove(&key)),
        }
        Delta { version: self.version, key, meta }
    }

    /// The version, for heartbeats.
    #[must_use]
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The entries after one of them, at most so many, and whether these are the last. A snapshot may be read
    /// in this way while entries change: it then has some of the changes that its receiver is told anyway.
    #[must_use]
    pub(crate) fn after(&self, key: Option<&K>, count: usize) -> (Vec<(K, M)>, bool) {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.entries.range((from, Bound::Unbounded));
        let entries = rest.by_ref().take(count).map(|(key, meta)| (key.clone(), meta.clone())).collect();
        (entries, rest.next().is_none())
    }

    /// A snapshot in pieces of at most so many entries. There is at least one piece.
    #[cfg(test)]
    pub(crate) fn snapshot(&self, entries_of_piece: usize) -> Vec<Piece<K, M>> {
        let all: Vec<(K, M)> = self.entries.iter().map(|(key, meta)| (key.clone(), meta.clone())).collect();
        let mut chunks: Vec<Vec<(K, M)>> = all.chunks(entries_of_piece.max(1)).map(<[_]>::to_vec).collect();
        if chunks.is_empty() {
            chunks.push(Vec::new());
        }
        let last = chunks.len() - 1;
        let pieces = chunks.into_iter().enumerate().map(|(index, entries)| Piece {
            version: self.version,
            index: u32::try_from(index).unwrap_or(u32::MAX),
            is_last: index == last,
            entries,
        });
        pieces.collect()
    }
}

/// A change to tell those who watch: an entry with its new meta, or without one.
pub(crate) type Change<K, M> = (NodeId, K, Option<M>);

/// The entries of the other servers.
#[derive(Debug)]
pub(crate) struct OtherEntries<K, M> {
    nodes: HashMap<NodeId, Entries<K, M>>,
}

#[derive(Debug)]
struct Entries<K, M> {
    version: u64,
    entries: BTreeMap<K, M>,
    /// Deltas beyond the next one, by version.
    later: BTreeMap<u64, (K, Option<M>)>,
    /// The pieces of a snapshot so far: its version, the index of the next piece, and the entries.
    snapshot: Option<(u64, u32, BTreeMap<K, M>)>,
}

impl<K, M> Default for Entries<K, M> {
    fn default() -> Self {
        Self { version: 0, entries: BTreeMap::new(), later: BTreeMap::new(), snapshot: None }
    }
}

impl<K, M> Default for OtherEntries<K, M> {
    fn default() -> Self {
        Self { nodes: HashMap::new() }
    }
}

impl<K: Clone + Ord, M: Clone + PartialEq> OtherEntries<K, M> {
    /// Handles the version of a server. Returns whether a snapshot is needed.
    pub(crate) fn handle_version(&mut self, node: NodeId, version: u64) -> bool {
        self.nodes.entry(node).or_default().version < version
    }

    /// Handles a delta. Returns the changes, and whether a snapshot is needed.
    pub(crate) fn handle_delta(&mut self, node: NodeId, delta: Delta<K, M>) -> (Vec<Change<K, M>>, bool) {
        let entries = self.nodes.entry(node).or_default();
        if delta.version > entries.version.saturating_add(1) {
            let is_first = entries.later.is_empty();
            if entries.later.len() < MAX_LATER {
                entries.later.insert(delta.version, (delta.key, delta.meta));
            }
            return (Vec::new(), is_first);
        }
        let mut changes = Vec::new();
        if delta.version == entries.version.saturating_add(1) {
            entries.apply(node, delta.version, delta.key, delta.meta, &mut changes);
            entries.apply_later(node, &mut changes);
        }
        (changes, false)
    }

    /// Handles a piece of a snapshot, which takes effect with the last one. Returns the changes.
    pub(crate) fn handle_piece(&mut self, node: NodeId, piece: Piece<K, M>) -> Vec<Change<K, M>> {
        let entries = self.nodes.entry(node).or_default();
        if piece.index == 0 {
            entries.snapshot = Some((piece.version, 0, BTreeMap::new()));
        }
        let expected = (piece.version, piece.index);
        let Some(mut snapshot) = entries.snapshot.take_if(|(version, next, _)| (*version, *next) == expected)
        else {
            return Vec::new();
        };
        snapshot.1 += 1;
        snapshot.2.extend(piece.entries);
        if snapshot.2.len() > MAX_ENTRIES {
            return Vec::new();
        }
        if !piece.is_last {
            entries.snapshot = Some(snapshot);
            return Vec::new();
        }
        let mut changes = Vec::new();
        if piece.version > entries.version {
            entries.replace(node, piece.version, snapshot.2, &mut changes);
        }
        entries.apply_later(node, &mut changes);
        changes
    }

    /// A server is gone, with its entries. Returns the changes.
    pub(crate) fn handle_gone(&mut self, node: NodeId) -> Vec<Change<K, M>> {
        let gone = self.nodes.remove(&node).unwrap_or_default();
        gone.entries.into_keys().map(|key| (node, key, None)).collect()
    }

    /// The entries of a server.
    #[cfg(test)]
    pub(crate) fn of(&self, node: NodeId) -> impl Iterator<Item = (&K, &M)> {
        self.nodes.get(&node).into_iter().flat_map(|entries| &entries.entries)
    }
}

impl<K: Clone + Ord, M: Clone + PartialEq> Entries<K, M> {
    fn apply(
        &mut self,
        node: NodeId,
        version: u64,
        key: K,
        meta: Option<M>,
        changes: &mut Vec<Change<K, M>>,
    ) {
        self.version = version;
        let before = match meta.clone() {
            Some(_) if self.entries.len() >= MAX_ENTRIES && !self.entries.contains_key(&key) => return,
            Some(meta) => self.entries.insert(key.clone(), meta),
            None => self.entries.remove(&key),
        };
        if before != meta {
            changes.push((node, key, meta));
        }
    }

    /// Applies the deltas that follow the current version, and drops those before it.
    fn apply_later(&mut self, node: NodeId, changes: &mut Vec<Change<K, M>>) {
        while let Some(first) =
            self.later.first_entry().filter(|first| *first.key() <= self.version.saturating_add(1))
        {
            let (version, (key, meta)) = first.remove_entry();
            if version == self.version.saturating_add(1) {
                self.apply(node, version, key, meta, changes);
            }
        }
    }

    fn replace(
        &mut self,
        node: NodeId,
        version: u64,
        entries: BTreeMap<K, M>,
        changes: &mut Vec<Change<K, M>>,
    ) {
        let before = std::mem::replace(&mut self.entries, entries);
        self.version = version;
        let gone = before.keys().filter(|key| !self.entries.contains_key(key));
        changes.extend(gone.map(|key| (node, key.clone(), None)));
        let new = self.entries.iter().filter(|(key, meta)| before.get(key) != Some(meta));
        changes.extend(new.map(|(key, meta)| (node, key.clone(), Some(meta.clone()))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_version_is_too_great() {
        let mut others = OtherEntries::<u8, u8>::default();
        let node = NodeId(1);
        let piece = Piece { version: u64::MAX, index: 0, is_last: true, entries: vec![(1, 1)] };
        assert_eq!(others.handle_piece(node, piece), [(node, 1, Some(1))]);
        for version in [0, 1, u64::MAX] {
            let (_, needs_snapshot) = others.handle_delta(node, Delta { version, key: 1, meta: None });
            assert!(!needs_snapshot, "{version}");
        }
    }
}
