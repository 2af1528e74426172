//! To whom something is sent.

use std::sync::Arc;

use super::name::Name;

/// The peers to which something is sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The members of a group.
    Group(Arc<str>),
    /// The peers of a user.
    User(Arc<str>),
    /// All peers.
    All,
}

impl Target {
    /// Whether there can be peers: no group and no user has an invalid name.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        match self {
            Self::Group(name) | Self::User(name) => Name::new(name).is_ok(),
            Self::All => true,
        }
    }
}
