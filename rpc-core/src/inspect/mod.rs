//! What the connections of a server tell those who inspect it (feature `inspector`). With the feature off,
//! the hooks have no size and do nothing. Only this module knows the feature.

#[cfg(feature = "inspector")]
mod called_calls;
#[cfg_attr(not(feature = "inspector"), path = "no_hooks.rs")]
mod hooks;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::message::Id;

pub use hooks::Inspection;
pub(crate) use hooks::{CallListRequests, Inspected, Since, WatchedCall};
#[cfg(feature = "inspector")]
pub use hooks::{EndedCall, Watcher, Watching, WatchingFrames};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// With a result.
    Ok,
    /// With an error of this code.
    Error(i64),
    /// The reply was not a valid response, or its result does not have the expected type.
    Undecodable,
    /// It was cancelled.
    Cancelled,
    /// Its time ran out.
    TimedOut,
    /// The connection ended first.
    Disconnected,
}

/// A call that is open.
#[derive(Clone, Debug)]
pub struct OpenCall {
    /// The method's wire name.
    pub method: Arc<str>,
    /// The id as JSON, shortened if it is long; `None` for a notification, and for a call of this side that
    /// is not entered yet.
    pub id: Option<Box<str>>,
    /// For how long it has been open.
    pub age: Duration,
    /// What it does.
    pub state: OpenCallState,
}

/// What an open call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenCallState {
    /// It waits for its turn.
    Waits,
    /// Its handler runs.
    Runs,
    /// Its handler awaits a call of its own, or room in the queue of its peer; or this side has made it, and
    /// awaits the reply.
    AwaitsPeer,
    /// Its result is a stream that is open.
    Streams,
}

impl fmt::Display for OpenCallState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waits => "waits its turn",
            Self::Runs => "runs",
            Self::AwaitsPeer => "awaits its peer",
            Self::Streams => "streams",
        })
    }
}

/// The text of an id for a list of calls.
pub(crate) fn shown_id(id: &Id) -> Box<str> {
    id.excerpt().to_string().into()
}
