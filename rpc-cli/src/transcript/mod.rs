//! Wire transcripts: what two peers have said, as lines of text. The guide "Explore a server" describes them.
//!
//! `record` writes them and `replay` plays them. birpc's own tests are such files.

mod pattern;
mod script;
mod writer;

pub(crate) use pattern::Pattern;
pub(crate) use script::{Action, Block, parse};
pub(crate) use writer::{close, message};

/// A message on a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Text(Vec<u8>),
    Binary(Vec<u8>),
}

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client.
    Sent,
    /// From the server.
    Received,
}

impl Direction {
    pub(crate) fn arrow(self) -> &'static str {
        match self {
            Self::Sent => "-->",
            Self::Received => "<--",
        }
    }
}
