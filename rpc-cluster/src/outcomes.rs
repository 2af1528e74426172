//! Outcomes of calls, between the node's state and the groups.

use birpc_core::__private::crates::cluster::{read_outcome, write_outcome};
use birpc_core::{CallError, CloseReason, ErrorObject, Initiator, RawValue};
use bytes::Bytes;

use crate::calls::{End, NotMade};
use crate::state::CallEnd;

/// The maximum number of calls to peers of other servers that wait, for the text of the error.
const MAX_PENDING: usize = 10_000;

/// What a caller gets.
pub(crate) type CallResult = Result<Box<RawValue>, CallError>;

/// The result of a call that has ended.
pub(crate) fn result(end: CallEnd) -> CallResult {
    match end {
        CallEnd::NotMade(NotMade::TooMany) => {
            let why = format!("{MAX_PENDING} calls to peers of other servers wait, the limit");
            Err(CallError::Rpc(limit_exceeded(&why)))
        }
        CallEnd::NotMade(NotMade::Unreachable) => Err(lost("the other servers cannot be reached", false)),
        CallEnd::NotMade(NotMade::Gone) => Err(lost("the peer's server is not there", false)),
        CallEnd::TooLarge { size, limit } => {
            let why = format!("the request has {size} bytes, over the limit of {limit} between servers");
            Err(CallError::Unsendable(why.into()))
        }
        CallEnd::Ended(end) => ended(end),
    }
}

/// The same for a call that was made.
pub(crate) fn ended(end: End<Bytes>) -> CallResult {
    match end {
        End::Outcome(text) => read_outcome(&text).unwrap_or_else(|| {
            Err(CallError::Undecodable("the peer's server has sent an invalid outcome".to_owned().into()))
        }),
        End::TimedOut => Err(CallError::TimedOut),
        End::Disconnected { sent: true } => Err(lost("the peer's server does not answer", true)),
        End::Disconnected { sent: false } => Err(lost("there is no such peer", false)),
    }
}

/// A call that ended without an outcome.
pub(crate) fn lost(why: &str, sent: bool) -> CallError {
    CallError::Disconnected { reason: CloseReason::new(1006, why, Initiator::Network), sent }
}

/// The outcome of a call beyond those that a server makes for others.
pub(crate) fn refusal() -> Bytes {
    let why = "the peer's server makes as many calls for others as it may";
    write_outcome(Err(CallError::Rpc(limit_exceeded(why)))).into()
}

/// The outcome instead of one that the engine cannot pass on.
pub(crate) fn too_large(size: usize, limit: usize) -> Bytes {
    let why = format!("the reply has {size} bytes, over the limit of {limit} between servers");
    let error = ErrorObject::new(-32603, "Internal error").with_data(&Detail::new("internal_error", &why));
    write_outcome(Err(CallError::Rpc(error))).into()
}

/// The outcome instead of one for which the asker has no room.
pub(crate) fn unread() -> Bytes {
    let why = "the answers that are not read are larger than 64 MiB";
    write_outcome(Err(CallError::Undecodable(why.to_owned().into()))).into()
}

fn limit_exceeded(why: &str) -> ErrorObject {
    let error = ErrorObject::new(-32005, "Limit exceeded");
    error.with_data(&Detail::new("limit_exceeded", why)).not_served()
}

/// The data of an error of the framework.
#[derive(serde::Serialize)]
struct Detail<'a> {
    kind: &'a str,
    detail: &'a str,
}

impl<'a> Detail<'a> {
    fn new(kind: &'a str, detail: &'a str) -> Self {
        Self { kind, detail }
    }
}
