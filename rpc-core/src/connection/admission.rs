//! Decides whether an incoming call is served, and with which error it is refused otherwise.

use std::sync::Arc;

use crate::dispatch::{Route, Router};
use crate::message::{ErrorCode, ErrorObject, Id, SHORTEST_REPLY};
use crate::multiplexer::{IncomingCall, IncomingCalls};
use crate::observe::count_refused;
use crate::shared_state::{Oddity, OpenPermit, SharedState, debug_dropped, warn_dropped};

/// The number of characters of an unknown method's name that the error contains.
const MAX_ECHO: usize = 200;

/// The facts on which admission depends.
pub(super) struct Applicant<'a> {
    /// `None` for a notification.
    id: Option<&'a Id>,
    method: &'a str,
    /// Whether another call with this id is open.
    is_open: bool,
    /// If the reply would have to wait in a batch, the size of the replies that batches hold, in bytes.
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

/// Returns the call's route and its permit among the server's open calls, or the error of the rule or
/// server-wide limit that refuses the call.
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
        // The method's result could never be sent.
        return Err(invalid("the id leaves no room for a reply"));
    }
    if shared.drain().has_begun() {
        return Err(ErrorObject::framework(ErrorCode::ShuttingDown).not_served().into());
    }
    let Some(route) = router.route(applicant.method) else {
        // The name may be as long as a message.
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

/// The error of a call that exceeds a limit.
pub(super) fn past_limit(detail: &str) -> ErrorObject {
    ErrorObject::framework_with(ErrorCode::LimitExceeded, "detail", detail).not_served()
}

fn invalid(detail: &str) -> Box<ErrorObject> {
    ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", detail).into()
}

/// Counts a call that is refused. A notification is also logged, since it gets no reply.
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
        // While the server drains, everything is refused.
        _ => debug_dropped(shared, method, error),
    }
}
