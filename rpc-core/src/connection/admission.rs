//! Whether a call of the peer is served at all, and with what error it is refused if not.

use std::sync::Arc;

use crate::dispatch::{Route, Router};
use crate::message::{ErrorCode, ErrorObject, Id, SHORTEST_REPLY};
use crate::multiplexer::{IncomingCall, IncomingCalls};
use crate::observe::count_refused;
use crate::shared_state::{Oddity, OpenPermit, SharedState, debug_dropped, warn_dropped};

/// Characters of an unknown method's name that go back.
const MAX_ECHO: usize = 200;

/// What the rules for admission look at.
pub(super) struct Applicant<'a> {
    /// `None` for a notification.
    id: Option<&'a Id>,
    method: &'a str,
    /// Whether a call with this id is open.
    is_open: bool,
    /// Bytes of replies that batches hold, if the reply would have to wait in one.
    held_by_batches: Option<usize>,
}

impl<'a> Applicant<'a> {
    /// A call that has come, beside those that are open.
    #[inline]
    pub(super) fn new<C: IncomingCall, P>(
        id: Option<&'a Id>,
        method: &'a str,
        batch: Option<usize>,
        calls: &IncomingCalls<C, P>,
    ) -> Self {
        Self {
            id,
            method,
            is_open: id.is_some_and(|id| calls.is_open(id)),
            held_by_batches: batch.filter(|_| id.is_some()).map(|_| calls.batch_bytes()),
        }
    }
}

/// The route of a call, and its place among those of the server, if neither a rule nor a limit of the whole
/// server keeps it from being served.
#[inline]
pub(super) fn check(
    applicant: &Applicant<'_>,
    router: &Router,
    shared: &SharedState,
) -> Result<(Arc<Route>, OpenPermit), Box<ErrorObject>> {
    let limits = &shared.config().limits;
    if applicant.is_open {
        return Err(invalid("a request with this id is already in flight"));
    }
    if applicant.id.is_some_and(|id| id.text_len() + SHORTEST_REPLY > limits.max_message_out) {
        // Whatever the method returned, it could not be told.
        return Err(invalid("the id leaves no room for a reply"));
    }
    if shared.drain().has_begun() {
        return Err(ErrorObject::framework(ErrorCode::ShuttingDown).not_served().into());
    }
    let Some(route) = router.route(applicant.method) else {
        // A peer may have made the name as long as a message.
        let start: String = applicant.method.chars().take(MAX_ECHO).collect();
        return Err(ErrorObject::framework_with(ErrorCode::MethodNotFound, "method", &start).into());
    };
    let max_bytes = limits.max_queued_bytes.max(1);
    if applicant.held_by_batches.is_some_and(|bytes| bytes >= max_bytes) {
        let detail = format!("batches hold replies of {max_bytes} bytes (`max_queued_bytes`)");
        return Err(past_limit(&detail).into());
    }
    let full = || past_limit("too many calls are open at this server (`max_open_total`)");
    let permit = shared.server_limits().take_open_permit().ok_or_else(full)?;
    Ok((route.clone(), permit))
}

/// The error for a call that a limit keeps from being served.
pub(super) fn past_limit(detail: &str) -> ErrorObject {
    ErrorObject::framework_with(ErrorCode::LimitExceeded, "detail", detail).not_served()
}

fn invalid(detail: &str) -> Box<ErrorObject> {
    ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", detail).into()
}

/// Counts a call that is refused. A notification is logged as well, since nobody is answered.
pub(super) fn note_refused(
    id: Option<&Id>,
    method: &str,
    error: &ErrorObject,
    router: &Router,
    shared: &SharedState,
) {
    count_refused(shared.meters(), router.route(method).map(|route| &route.method), error.code());
    if id.is_some() {
        return;
    }
    match error.framework_code() {
        Some(ErrorCode::LimitExceeded) => warn_dropped(shared, Oddity::Limit, method, error),
        Some(ErrorCode::MethodNotFound) => warn_dropped(shared, Oddity::UnknownMethod, method, error),
        // A drain refuses everything.
        _ => debug_dropped(shared, method, error),
    }
}
