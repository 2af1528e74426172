//! The list of peers, as a page asks for it: filtered, sorted, and a part of it.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use birpc_core::__private::crates::excerpt;
use birpc_core::__private::crates::inspect::{age, groups_of, open_streams, user_of};
use birpc_core::Peer;
use birpc_server::ServerHandle;

use crate::contract::{PeerRow, PeersPage, PeersQuery, PeersSort};

/// The number of peers in an answer.
pub(crate) const MAX_ROWS: usize = 200;

/// The number of characters of a text that the peer or the application chooses.
const MAX_TEXT: usize = 200;

/// The number of groups of a peer in an answer.
const MAX_GROUPS: usize = 20;

/// The application's function that names the user of a peer.
pub(crate) type NameUser = Arc<dyn Fn(&Peer) -> Option<String> + Send + Sync>;

/// Answers a query.
pub(crate) fn page(server: &ServerHandle, query: &PeersQuery, user: Option<&NameUser>) -> PeersPage {
    let (mut peers, groups) = (server.peers().list(), server.groups());
    if let Some(only) = query.only {
        peers.retain(|peer| peer.id().get() == only);
    }
    if let Some(group) = &query.group {
        peers.retain(|peer| groups.is_member(peer, group));
    }
    let filter = query.filter.to_lowercase();
    if !filter.is_empty() {
        peers.retain(|peer| matches(peer, &filter, user));
    }
    let matching = peers.len();
    match query.sort {
        PeersSort::Id => peers.sort_by_cached_key(|peer| peer.id().get()),
        PeersSort::Queue => peers.sort_by_cached_key(|peer| (peer.buffered_amount(), peer.id().get())),
        PeersSort::Serving => peers.sort_by_cached_key(|peer| (peer.serving(), peer.id().get())),
        PeersSort::Calling => peers.sort_by_cached_key(|peer| (peer.in_flight(), peer.id().get())),
        PeersSort::RoundTrip => peers.sort_by_cached_key(|peer| (peer.round_trip(), peer.id().get())),
    }
    if query.descending {
        peers.reverse();
    }
    let shown = peers.iter().skip(query.skip).take(query.take.min(MAX_ROWS));
    PeersPage { matching, peers: shown.map(|peer| row(peer, user)).collect() }
}

fn row(peer: &Peer, user: Option<&NameUser>) -> PeerRow {
    let groups = groups_of(peer);
    PeerRow {
        id: peer.id().get(),
        address: peer.remote_addr().map(|address| address.to_string()),
        user: name(peer, user).as_deref().map(text),
        groups: groups.iter().take(MAX_GROUPS).map(|name| text(name)).collect(),
        group_count: groups.len(),
        subprotocol: peer.subprotocol().map(text),
        origin: peer.origin().map(text),
        age_ms: u64::try_from(age(peer).as_millis()).unwrap_or(u64::MAX),
        state: format!("{:?}", peer.state()).to_lowercase(),
        round_trip_us: peer.round_trip().map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
        queued_bytes: peer.buffered_amount(),
        serving: peer.serving(),
        calling: peer.in_flight(),
        streams: open_streams(peer),
        dropped: peer.dropped_notifications(),
        unmatched: peer.unmatched_responses(),
    }
}

fn matches(peer: &Peer, filter: &str, user: Option<&NameUser>) -> bool {
    let has = |text: &str| text.to_lowercase().contains(filter);
    let shows = |value: Option<&dyn Display>| value.is_some_and(|value| has(&value.to_string()));
    shows(Some(&peer.id().get()))
        || shows(peer.remote_addr().as_ref().map(|address| address as _))
        || peer.subprotocol().is_some_and(has)
        || peer.origin().is_some_and(has)
        || name(peer, user).is_some_and(|user| has(&user))
}

/// The user of a peer: what the application's function says, or else the user that the peer belongs to.
pub(crate) fn name(peer: &Peer, user: Option<&NameUser>) -> Option<String> {
    // The function may panic.
    let named = user.and_then(|user| {
        catch_unwind(AssertUnwindSafe(|| user(peer)))
            .unwrap_or_else(|_| Some("(the function `user` panicked)".into()))
    });
    named.or_else(|| user_of(peer).as_deref().map(str::to_owned))
}

/// A text of the peer or of the application, on one line.
pub(crate) fn text(text: &str) -> String {
    excerpt(text, MAX_TEXT)
}
