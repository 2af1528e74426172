//! The list of groups, as a page asks for it: filtered, the largest first, and a part of it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use birpc_core::__private::crates::inspect::{group_members, group_sizes};
use birpc_core::Groups;

use crate::contract::{GroupRow, GroupsPage, GroupsQuery};
use crate::peer_list::{MAX_ROWS, NameUser, name, text};

/// The number of members of a group whose users are looked at.
const MAX_MEMBERS: usize = 32;

/// The number of users of a group in an answer.
const MAX_USERS: usize = 8;

/// Answers a query.
pub(crate) fn page(groups: &Groups, query: &GroupsQuery, user: Option<&NameUser>) -> GroupsPage {
    let mut sizes = group_sizes(groups);
    let filter = query.filter.to_lowercase();
    if !filter.is_empty() {
        sizes.retain(|(name, _)| name.to_lowercase().contains(&filter));
    }
    let matching = sizes.len();
    let end = query.skip.saturating_add(query.take.min(MAX_ROWS));
    // There may be very many groups: only those that are shown are sorted.
    if end < sizes.len() {
        sizes.select_nth_unstable_by(end, |a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
        sizes.truncate(end);
    }
    sizes.sort_unstable_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    let shown = sizes.into_iter().skip(query.skip);
    GroupsPage { matching, groups: shown.map(|(name, members)| row(groups, &name, members, user)).collect() }
}

fn row(groups: &Groups, group: &str, members: usize, user: Option<&NameUser>) -> GroupRow {
    let peers = group_members(groups, group, MAX_MEMBERS);
    let users: BTreeSet<String> = peers.iter().filter_map(|peer| name(peer, user)).collect();
    GroupRow {
        name: group.to_owned(),
        shown: text(group),
        members,
        more_users: members > peers.len() || users.len() > MAX_USERS,
        users: users.iter().take(MAX_USERS).map(|user| text(user)).collect(),
    }
}
