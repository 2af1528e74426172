//! What those who inspect a server see of its groups. Each function holds the lock of the groups while it
//! collects handles, and does the rest without it.

use std::sync::Arc;

use super::Groups;
use super::name::Name;
use crate::peer::{Peer, PeerId};

/// All groups, and the numbers of their members on this server, in no order.
pub(crate) fn sizes(groups: &Groups) -> Vec<(Arc<str>, usize)> {
    groups.registry.with(|it| it.sizes().map(|(name, members)| (name.shared(), members)).collect())
}

/// Some members of a group: at most `max` of those on this server.
pub(crate) fn members(groups: &Groups, group: &str, max: usize) -> Vec<Peer> {
    groups.registry.with(|it| it.members(group).take(max).map(|member| member.peer().clone()).collect())
}

/// The groups that a peer is in, in the order of their names.
pub(crate) fn groups_of(peer: &Peer) -> Vec<Arc<str>> {
    let groups = peer.groups();
    let mut names: Vec<_> = groups.registry.with(|it| {
        let names = it.groups_of(peer.id());
        names.into_iter().flatten().map(Name::shared).collect()
    });
    names.sort_unstable();
    names
}

/// The peer that is in the most groups, and how many these are.
pub(crate) fn most_groups(groups: &Groups) -> Option<(PeerId, usize)> {
    groups.registry.with(|it| {
        let ids = it.known().map(|member| member.peer().id());
        let counts = ids.map(|id| (id, it.groups_of(id).map_or(0, |names| names.len())));
        counts.max_by_key(|(_, count)| *count)
    })
}

/// The user that a peer belongs to.
pub(crate) fn user_of(peer: &Peer) -> Option<Arc<str>> {
    peer.groups().registry.with(|it| it.user_of(peer.id()).map(Name::shared))
}
