//! Identifies a connection among all servers.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::peer::PeerId;

/// Identifies a connection among those of all servers: the server's random id, and the connection's
/// [`PeerId`]. It is a text in JSON and in logs, and can be parsed from that text.
///
/// ```
/// # fn example(peer: birpc_core::Peer) {
/// use birpc_core::GlobalId;
///
/// let id = peer.global_id();
/// assert_eq!(id.to_string().parse(), Ok(id));
/// assert!("somebody".parse::<GlobalId>().is_err());
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GlobalId {
    node: u128,
    peer: PeerId,
}

/// A text is not a [`GlobalId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("a global id is 32 hexadecimal digits, a hyphen and a number")]
pub struct InvalidGlobalId;

impl GlobalId {
    pub(super) fn new(node: u128, peer: PeerId) -> Self {
        Self { node, peer }
    }

    /// Whether this names a whole server and none of its connections, as in the answers of
    /// [`crate::Audience::ask`].
    #[must_use]
    pub fn is_server(self) -> bool {
        self.peer == NOBODY
    }

    pub(super) fn node(self) -> u128 {
        self.node
    }

    pub(super) fn peer(self) -> PeerId {
        self.peer
    }
}

/// No connection has this id.
const NOBODY: PeerId = PeerId(0);

/// The id of a connection of a server, or of the server itself if `peer` is 0.
#[must_use]
pub fn global_id(node: u128, peer: u64) -> GlobalId {
    GlobalId::new(node, PeerId(peer))
}

/// The id of a server, and the number of the connection there.
#[must_use]
pub fn global_id_parts(id: GlobalId) -> (u128, u64) {
    (id.node, id.peer.get())
}

/// A random id for a server. It distinguishes servers; it is no secret.
pub(super) fn random_node() -> u128 {
    // Each `RandomState` has keys from the system's random numbers.
    let random = || u128::from(RandomState::new().hash_one(0_u8));
    random() << 64 | random()
}

impl fmt::Display for GlobalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}-{}", self.node, self.peer)
    }
}

impl fmt::Debug for GlobalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GlobalId({self})")
    }
}

impl FromStr for GlobalId {
    type Err = InvalidGlobalId;

    /// Parses the text of `Display`, and no other form of it: each id has one text.
    fn from_str(text: &str) -> Result<Self, InvalidGlobalId> {
        let parts = text.split_once('-').filter(|(node, _)| node.len() == 32);
        let (node, peer) = parts.ok_or(InvalidGlobalId)?;
        let node = u128::from_str_radix(node, 16).map_err(|_| InvalidGlobalId)?;
        let peer = PeerId(peer.parse().map_err(|_| InvalidGlobalId)?);
        Some(Self { node, peer }).filter(|id| id.to_string() == text).ok_or(InvalidGlobalId)
    }
}

impl Serialize for GlobalId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GlobalId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_a_text_and_read_back() {
        let id = GlobalId::new(0xab, PeerId(7));
        let text = "000000000000000000000000000000ab-7";
        assert_eq!((id.to_string(), format!("{id:?}")), (text.into(), format!("GlobalId({text})")));
        assert_eq!(serde_json::to_string(&id).ok(), Some(format!("\"{text}\"")));
        assert_eq!(serde_json::from_str::<GlobalId>(&format!("\"{text}\"")).ok(), Some(id));
        let id = GlobalId::new(u128::MAX, PeerId(u64::MAX));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn other_texts_are_no_ids() {
        let node = "000000000000000000000000000000ab";
        let texts = ["", "-", "7", "ab-7", node, "+00000000000000000000000000000ab-7"];
        let peers = ["", "+7", "07", "-7", " 7", "7 ", "18446744073709551616", "é"];
        let texts = texts.map(String::from).into_iter().chain(peers.map(|peer| format!("{node}-{peer}")));
        for text in texts.chain([format!("{}-7", node.to_uppercase()), "é".repeat(17)]) {
            assert_eq!(text.parse::<GlobalId>(), Err(InvalidGlobalId), "{text}");
        }
        assert!(serde_json::from_str::<GlobalId>("7").is_err());
    }

    #[test]
    fn servers_have_different_ids() {
        assert_ne!(random_node(), random_node());
    }
}
