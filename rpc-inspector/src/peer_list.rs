//! The list of peers, as a page asks for it: filtered, sorted, and a part of it.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use birpc_core::__private::crates::excerpt;
use birpc_core::__private::crates::inspect::{age, open_streams};
use birpc_core::Peer;

use crate::contract::{PeerRow, PeersPage, PeersQuery, PeersSort};

/// The number of peers in an answer.
pub(crate) const MAX_ROWS: usize = 200;

/// The number of characters of a text that the peer or the application chooses.
const MAX_TEXT: usize = 200;

/// The application's function that names the user of a peer.
pub(crate) type NameUser = Arc<dyn Fn(&Peer) -> Option<String> + Send + Sync>;

/// Answers a query.
pub(crate) fn page(mut peers: Vec<Peer>, query: &PeersQuery, user: Option<&NameUser>) -> PeersPage {
    if let Some(only) = query.only {
        peers.retain(|peer| peer.id().get() == only);
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
    let text = |text: &str| excerpt(text, MAX_TEXT);
    PeerRow {
        id: peer.id().get(),
        address: peer.remote_addr().map(|address| address.to_string()),
        user: user.and_then(|user| name(user, peer)).as_deref().map(text),
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
        || user.and_then(|user| name(user, peer)).is_some_and(|user| has(&user))
}

/// The user of a peer. The function is the application's and may panic.
fn name(user: &NameUser, peer: &Peer) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| user(peer)))
        .unwrap_or_else(|_| Some("(the function `user` panicked)".into()))
}
