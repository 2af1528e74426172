//! Why a peer cannot join a group, or be tracked in one.

use thiserror::Error;

use crate::message::{ErrorCode, ErrorObject};

/// Why a peer cannot join a group, have a user, or be tracked. Nothing has changed.
///
/// `?` in a handler converts it into an [`ErrorObject`]: −32005 if a limit is exceeded, and −32602 if a name
/// or a meta is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The name of a group, a user or a key is empty or has more than 256 bytes.
    #[error("a name must have 1 to 256 bytes; this one has {bytes}")]
    Name {
        /// The length of the name.
        bytes: usize,
    },
    /// The peer is in as many groups as it may be ([`crate::Limits::max_groups`]).
    #[error("the peer is in {limit} groups, the limit (`Limits::max_groups`); it must leave one first")]
    TooManyGroups {
        /// The limit.
        limit: usize,
    },
    /// There are as many groups as there may be: 100 000.
    #[error("the server has {limit} groups, the limit; a new one is possible when another is empty")]
    TooManyNames {
        /// The limit.
        limit: usize,
    },
    /// The connection has ended or is closing.
    #[error("the peer has disconnected")]
    Disconnected,
    /// The peer is not in the group in which it is to be tracked.
    #[error("the peer is not in the group; let it join first")]
    NotMember,
    /// The meta has more than 1 KiB of JSON text.
    #[error("a meta may have {limit} bytes of JSON; this one has {bytes}")]
    MetaTooLarge {
        /// The length of the text.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The meta cannot be written as JSON.
    #[error("the meta does not serialise: {0}")]
    Meta(String),
    /// There are as many presence entries as there may be: 256 for a peer, 100 000 in total.
    #[error("there are {limit} presence entries, the limit; untrack one first")]
    TooManyEntries {
        /// The limit that is reached.
        limit: usize,
    },
    /// The engine that connects the servers refuses the group or user.
    #[error("the engine that connects the servers refuses it: {0}")]
    Refused(String),
}

impl GroupError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::TooManyGroups { .. } | Self::TooManyNames { .. } | Self::TooManyEntries { .. } => {
                ErrorCode::LimitExceeded
            }
            Self::Name { .. } | Self::NotMember | Self::MetaTooLarge { .. } | Self::Meta(_) => {
                ErrorCode::InvalidParams
            }
            Self::Disconnected | Self::Refused(_) => ErrorCode::Internal,
        }
    }
}

impl From<GroupError> for ErrorObject {
    fn from(error: GroupError) -> Self {
        Self::framework_with(error.code(), "detail", &error.to_string())
    }
}
