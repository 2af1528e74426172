//! Peers and presence entries of other servers, for the groups.

use std::collections::BTreeSet;

use birpc_core::__private::crates::cluster::{PresenceKey, global_id, peer_id};
use birpc_core::{GlobalId, Meta};
use bytes::Bytes;

use crate::envelope::{EntryKey, RemotePeer};

/// The ids of peers.
pub(crate) fn ids(peers: &[RemotePeer]) -> BTreeSet<GlobalId> {
    peers.iter().map(|RemotePeer { node, peer }| global_id(node.0, *peer)).collect()
}

/// A presence entry for the groups; `None` if its meta is not JSON.
pub(crate) fn entry(key: EntryKey, meta: Option<Bytes>) -> Option<(PresenceKey, Option<Meta>)> {
    let EntryKey { group, key, peer } = key;
    let meta = match meta {
        Some(meta) => Some(serde_json::from_slice(&meta).ok()?),
        None => None,
    };
    Some((PresenceKey { group, key, peer: peer_id(peer) }, meta))
}
