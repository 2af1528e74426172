//! Identifies a connection within the process.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Identifies a connection within the process; see [`crate::Peer::id`]. Logs and serde show it as a number,
/// so it can be sent to a peer and back. It has no meaning in another process.
///
/// ```
/// # fn example(peer: birpc_core::Peer) {
/// use std::collections::HashMap;
///
/// use birpc_core::PeerId;
///
/// let mut names: HashMap<PeerId, String> = HashMap::new();
/// names.insert(peer.id(), "ada".into());
/// println!("{} is {}", peer.id(), names[&peer.id()]);
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub(crate) u64);

impl PeerId {
    /// The id as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<PeerId> for u64 {
    fn from(id: PeerId) -> Self {
        id.0
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({})", self.0)
    }
}

impl Serialize for PeerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for PeerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_shown_and_written_as_its_number() {
        let id = PeerId(7);
        assert_eq!((id.to_string(), format!("{id:?}")), ("7".into(), "PeerId(7)".into()));
        assert_eq!(serde_json::to_string(&id).ok().as_deref(), Some("7"));
        assert_eq!(serde_json::from_str::<PeerId>("7").ok(), Some(id));
    }
}
