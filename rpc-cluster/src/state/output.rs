//! What goes into the state of a node, and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use birpc_core::__private::crates::cluster::Target;
use bytes::Bytes;

use crate::asks::Item;
use crate::calls::{CallId, End, NotMade};
use crate::envelope::{EntryKey, Key, RemotePeer, Request, SendWord, target_of};
use crate::interest::Waited;
use crate::node_id::NodeId;
use crate::topic::Topic;

/// Identifies something that somebody waits for. Tickets grow; those of calls identify them between servers.
pub(crate) type Ticket = u64;

/// What a node is made with.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) own: NodeId,
    /// Greater than each number and version that a former node of this server has used: that one had the
    /// same id, and the other servers remember what they have heard of it.
    pub(crate) first: u64,
    pub(crate) name: String,
    pub(crate) key: Option<Key>,
    pub(crate) max_message: usize,
    /// The outcome of a call beyond those that this server makes for others.
    pub(crate) refusal: Bytes,
    /// The outcome instead of one that has more bytes than the limit.
    pub(crate) too_large: fn(usize, usize) -> Bytes,
}

/// What this server's groups want.
#[derive(Debug)]
pub(crate) enum Command {
    /// Something for the peers of a target. Ends with [`Output::Published`].
    Publish { target: Target, word: SendWord },
    /// A notification for one peer. Ends with [`Output::Published`].
    Notify { peer: RemotePeer, text: Bytes },
    /// A call. Ends with [`Output::CallEnded`], unless it is forgotten.
    Call { peer: RemotePeer, request: Request },
    /// A call to all peers of a target. Ends with an [`Output::Asked`] of [`Item::Over`].
    Ask { target: Target, except: Vec<RemotePeer>, request: Request },
    /// Ends with [`Output::Counted`].
    Count { target: Target },
    /// Ends with [`Output::Waited`].
    Wait { target: Target },
}

/// How this server's peers are to be served, and what is told to those who wait.
#[derive(Debug)]
pub(crate) enum Output {
    /// Whether the engine has taken what was to be published.
    Published(Ticket, bool),
    CallEnded(Ticket, CallEnd),
    Asked(Ticket, Item<Bytes>),
    Counted(Ticket, u64),
    Waited(Ticket, Waited),
    /// A notification for the peers of a target.
    Deliver {
        target: Target,
        except: Vec<RemotePeer>,
        text: Bytes,
    },
    /// The connections of a target's peers are to be closed.
    Close {
        target: Target,
        except: Vec<RemotePeer>,
        code: u16,
        reason: String,
    },
    /// A notification for one peer.
    Notify {
        peer: u64,
        text: Bytes,
    },
    /// A peer is to be called for another server; answered by [`Served`].
    Serve {
        node: NodeId,
        call: CallId,
        peer: u64,
        request: Request,
    },
    /// The same for all peers of a target.
    ServeAsk {
        node: NodeId,
        call: CallId,
        target: Target,
        except: Vec<RemotePeer>,
        request: Request,
    },
    /// One of these is to stop.
    Stop {
        node: NodeId,
        call: CallId,
    },
    /// Another server asks how many peers a target has.
    Count {
        node: NodeId,
        call: CallId,
        target: Target,
    },
    /// Entries of another server's presence have changed.
    Presence(NodeId, Vec<(EntryKey, Option<Bytes>)>),
    /// The presence of another server ends.
    NodeGone(NodeId),
    /// Messages to a group were lost; `None`: to any.
    Gap(Option<Arc<str>>),
    /// This server knows the others.
    Started,
}

impl Output {
    /// What a message without an answer asks for. `None` if it is for peers of a target, and its topic has
    /// none.
    pub(super) fn of(topic: &Topic, word: SendWord) -> Option<Self> {
        let output = match word {
            SendWord::Notify { peer, text } => Self::Notify { peer, text },
            SendWord::Notification { except, text } => {
                Self::Deliver { target: target_of(topic)?, except, text }
            }
            SendWord::Close { except, code, reason } => {
                Self::Close { target: target_of(topic)?, except, code, reason }
            }
        };
        Some(output)
    }
}

/// How a call has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CallEnd {
    NotMade(NotMade),
    /// The text is too long for the engine, by this limit.
    TooLarge {
        size: usize,
        limit: usize,
    },
    Ended(End<Bytes>),
}

/// What has become of a call that this server makes for another.
#[derive(Debug)]
pub(crate) enum Served {
    Accepted,
    Unknown,
    Reply(Bytes),
    /// The peers that are called for an ask.
    Members(Vec<u64>),
    /// The outcome of one of them.
    Answer {
        peer: u64,
        outcome: Bytes,
    },
    /// All of them have answered.
    AllAnswered,
}

/// A message for the engine.
#[derive(Debug)]
pub(crate) struct Publishing {
    pub(crate) topic: Topic,
    pub(crate) bytes: Bytes,
    pub(crate) tag: Option<u64>,
    /// How long the engine may take.
    pub(crate) within: Duration,
}

/// Whether the engine has taken a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    No,
    /// It has not answered in time.
    Unknown,
}

/// What has been counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) published: u64,
    pub(crate) received: u64,
    /// Messages that were not published: the engine did not take them, or too many waited.
    pub(crate) unpublished: u64,
    /// Jumps of sequences, by topic: all servers, groups, users, this server.
    pub(crate) gaps: [u64; 4],
    pub(crate) malformed: u64,
    pub(crate) version: u64,
    pub(crate) unverified: u64,
    /// Doubled or overtaken messages.
    pub(crate) late: u64,
    /// Messages that are not for this server, or of servers that are gone.
    pub(crate) stray: u64,
    /// Outcomes that nobody waited for.
    pub(crate) unmatched: u64,
}
