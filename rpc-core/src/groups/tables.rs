//! The tables of a server's groups, and the other servers that are told of their changes. All of it is under
//! the lock of the registry.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::Meta;
use super::global_id::GlobalId;
use super::membership::Membership;
use super::name::Name;
use super::other_servers::OtherServers;
use super::presence::{Presence, PresenceLimits, Wakers};
use super::recipient::Member;
use super::target::Target;

/// Maximum number of groups of a server.
const MAX_GROUPS: usize = 100_000;

const PRESENCE: PresenceLimits = PresenceLimits { of_peer: 256, total: 100_000 };

/// So many peers are removed while the lock is held once.
const AT_ONCE: usize = 1000;

pub(super) struct Tables {
    membership: Membership<Arc<Member>>,
    presence: Presence,
    others: Option<Attached>,
    /// How often each group with members was told that messages to it may have been lost.
    gaps: BTreeMap<Arc<str>, u64>,
}

struct Attached {
    attachment: u64,
    others: Others,
}

/// The other servers.
pub(super) type Others = Arc<dyn OtherServers>;

/// A change of another server's presence: whose, the group, the key, and the meta, unless it is removed.
pub(super) type OtherChange = (GlobalId, Name, Name, Option<Meta>);

impl Tables {
    pub(super) fn new() -> Self {
        let (membership, presence) = (Membership::new(MAX_GROUPS), Presence::new(PRESENCE));
        Self { membership, presence, others: None, gaps: BTreeMap::new() }
    }

    pub(super) fn membership(&mut self) -> &mut Membership<Arc<Member>> {
        &mut self.membership
    }

    pub(super) fn presence(&mut self) -> &mut Presence {
        &mut self.presence
    }

    /// The other servers, if there are some.
    pub(super) fn others(&self) -> Option<Others> {
        self.others.as_ref().map(|attached| attached.others.clone())
    }

    pub(super) fn is_attached(&self, attachment: u64) -> bool {
        self.others.as_ref().is_some_and(|attached| attached.attachment == attachment)
    }

    /// Connects the tables to other servers, and tells these of all groups, users and own presence. `false`
    /// if they are connected already.
    pub(super) fn attach(&mut self, node: u128, attachment: u64, others: Others) -> bool {
        if self.others.is_some() {
            return false;
        }
        self.membership.targets().for_each(|target| others.set_wanted(&target, true));
        let entries = self.presence.entries_of(node);
        entries.iter().for_each(|(entry, meta)| others.presence_changed(entry, Some(meta)));
        self.membership.note_changes(true);
        self.presence.note_changes(Some(node));
        self.others = Some(Attached { attachment, others });
        true
    }

    /// Ends the connection to other servers, and their presence. Returns them, to be dropped without the
    /// lock, and the watchers to wake.
    pub(super) fn detach(&mut self, node: u128, attachment: u64) -> Option<(Others, Wakers)> {
        let attached = self.others.take_if(|it| it.attachment == attachment)?;
        self.membership.note_changes(false);
        self.presence.note_changes(None);
        self.gaps.clear();
        let others = self.presence.peers_of_others(node);
        let wakers = others.into_iter().flat_map(|peer| self.presence.end(peer)).collect();
        Some((attached.others, wakers))
    }

    /// Tells the other servers what has changed.
    pub(super) fn pass_on(&mut self) {
        let Some(Attached { others, .. }) = &self.others else { return };
        for (target, has_peers) in self.membership.take_changes() {
            others.set_wanted(&target, has_peers);
            if let (Target::Group(name), false) = (&target, has_peers) {
                self.gaps.remove(name);
            }
        }
        for (entry, meta) in self.presence.take_changes() {
            others.presence_changed(&entry, meta.as_ref());
        }
    }

    /// Applies changes of another server's presence.
    pub(super) fn apply(&mut self, changes: impl Iterator<Item = OtherChange>) -> Wakers {
        let apply = |(peer, group, key, meta): OtherChange| match meta {
            Some(meta) => self.presence.track_other(&group, &key, peer, meta),
            None => self.presence.untrack(&group, &key, peer).unwrap_or_default(),
        };
        changes.flat_map(apply).collect()
    }

    /// Ends the presence of some peers of another server. `None` if none is left.
    pub(super) fn end_some(&mut self, node: u128) -> Option<Wakers> {
        let peers = self.presence.peers_of(node, AT_ONCE);
        let any = !peers.is_empty();
        any.then(|| peers.into_iter().flat_map(|peer| self.presence.end(peer)).collect())
    }

    /// Counts that messages to a group may have been lost; `None`: to each group. Returns the groups, of
    /// those with members.
    pub(super) fn note_gap(&mut self, group: Option<&str>) -> Vec<Arc<str>> {
        let name_of = |target| match target {
            Target::Group(name) => Some(name),
            Target::User(_) | Target::All => None,
        };
        let told: Vec<Arc<str>> = match group {
            None => self.membership.targets().filter_map(name_of).collect(),
            Some(group) if self.membership.count(group) > 0 => vec![group.into()],
            Some(_) => Vec::new(),
        };
        told.iter().for_each(|name| *self.gaps.entry(name.clone()).or_default() += 1);
        told
    }

    /// How often each group with members was told of a gap.
    pub(super) fn gaps(&self) -> BTreeMap<String, u64> {
        self.gaps.iter().map(|(name, count)| (name.to_string(), *count)).collect()
    }
}
