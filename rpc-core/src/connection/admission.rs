//! Decides whether an incoming call is served, and with which error it is refused otherwise.

use std::sync::Arc;

use crate::config::Overflow;
use crate::dispatch::{Route, Router};
use crate::message::{ErrorCode, ErrorObject, Extensions, Id, SHORTEST_REPLY, parse_initial_credit};
use crate::multiplexer::{IncomingCall, IncomingCalls, TooManyStreams};
use crate::observe::{CallItems, count_refused};
use crate::served_extras::{ServedExtras, ServedProgress};
use crate::served_streams::ServedStreams;
use crate::shared_state::{Oddity, OpenPermit, SharedState, debug_dropped, warn_dropped};

/// The number of characters of an unknown method's name that the error contains.
const MAX_ECHO: usize = 200;

/// The name of methods that are not served, for those who inspect the connection.
const UNKNOWN: &str = "(unknown)";

/// The facts on which admission depends.
pub(super) struct Applicant<'a> {
    /// `None` for a notification.
    id: Option<&'a Id>,
    method: &'a str,
    /// Whether another call with this id is open.
    is_open: bool,
    /// Whether credit limits it instead of the limits of calls.
    credited: bool,
    /// What happens to a notification past a limit, if its method does not say.
    overflow: Overflow,
    in_batch: bool,
    /// If the reply would have to wait in a batch, the size of the replies that batches hold, in bytes.
    held_by_batches: Option<usize>,
}

impl<'a> Applicant<'a> {
    /// A call that was received, beside the open ones. `overflow`: what happens to a notification that
    /// exceeds a limit, if its method does not set it.
    #[inline]
    pub(super) fn new<C: IncomingCall, P>(
        id: Option<&'a Id>,
        method: &'a str,
        batch: Option<usize>,
        calls: &IncomingCalls<C, P>,
        overflow: Overflow,
    ) -> Self {
        Self {
            id,
            method,
            credited: false,
            overflow,
            in_batch: batch.is_some(),
            is_open: id.is_some_and(|id| calls.is_open(id)),
            held_by_batches: batch.filter(|_| id.is_some()).map(|_| calls.batch_bytes()),
        }
    }

    /// Sets whether credit limits it.
    pub(super) fn credited(self, credited: bool) -> Self {
        Self { credited, ..self }
    }

    /// What limits the number of open calls of this kind.
    #[inline]
    fn bound(&self, route: &Route) -> Bound {
        match self.id {
            Some(_) => Bound::Limits,
            None if self.credited => Bound::Credit,
            // The peer chooses the names that a fallback serves, so one of each could be any number.
            None if self.overflow(route) == Overflow::Latest && !route.is_fallback => Bound::OneWaits,
            None => Bound::Limits,
        }
    }

    /// What happens if it is a notification and exceeds a limit.
    fn overflow(&self, route: &Route) -> Overflow {
        route.overflow.unwrap_or(self.overflow)
    }

    /// Whether the connection closes because it is refused with this error.
    pub(super) fn closes(&self, router: &Router, error: &ErrorObject) -> bool {
        let route = || router.route(self.method).cloned().or_else(|| router.fallback_route(self.method));
        let closes = || route().is_some_and(|route| self.overflow(&route) == Overflow::Close);
        self.id.is_none() && error.framework_code() == Some(ErrorCode::LimitExceeded) && closes()
    }
}

/// What limits the number of open calls of a kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Limits,
    /// The credit of notifications.
    Credit,
    /// At most one notification of the method waits.
    OneWaits,
}

/// Returns the call's route, its permit among the server's open calls, and what limits calls of its kind.
/// `Err` has the error of the rule or server-wide limit that refuses the call.
#[inline]
pub(super) fn check(
    applicant: &Applicant<'_>,
    router: &Router,
    shared: &SharedState,
) -> Result<(Arc<Route>, OpenPermit, Bound), Box<ErrorObject>> {
    let limits = &shared.config().limits;
    if applicant.is_open {
        return Err(invalid("a request with this id is already in flight"));
    }
    if applicant.id.is_some_and(|id| id.text_len() + SHORTEST_REPLY > limits.max_message_out) {
        // The method's result could never be sent.
        return Err(invalid("the id leaves no room for a reply"));
    }
    // What has credit was sent before its sender could know of the drain.
    if shared.drain().has_begun() && !applicant.credited {
        return Err(ErrorObject::framework(ErrorCode::ShuttingDown).not_served().into());
    }
    let route = match router.route(applicant.method) {
        Some(route) => route.clone(),
        None => router.fallback_route(applicant.method).ok_or_else(|| unknown(applicant.method))?,
    };
    let max_bytes = limits.max_queued_bytes.max(1);
    if applicant.held_by_batches.is_some_and(|bytes| bytes >= max_bytes) {
        let detail = format!("batches hold replies of {max_bytes} bytes (`max_queued_bytes`)");
        return Err(past_limit(&detail).into());
    }
    let full = || past_limit("too many calls are open at this server (`max_open_total`)");
    let bound = applicant.bound(&route);
    let permit = match bound {
        Bound::Limits => shared.server_limits().take_open_permit().ok_or_else(full)?,
        Bound::Credit | Bound::OneWaits => shared.server_limits().take_open_permit_anyway(),
    };
    Ok((route, permit, bound))
}

#[cold]
fn unknown(method: &str) -> Box<ErrorObject> {
    // The name may be as long as a message.
    let start: String = method.chars().take(MAX_ECHO).collect();
    ErrorObject::framework_with(ErrorCode::MethodNotFound, "method", &start).into()
}

/// Enters the streams of a call, if its method has some, and finds out whether its caller wants to hear of
/// its progress. `extensions` are the request's members beyond those of plain JSON-RPC.
#[inline]
pub(super) fn accept_extras(
    route: &Route,
    applicant: &Applicant<'_>,
    extensions: Extensions<'_>,
    params: Option<&str>,
    shared: &SharedState,
) -> Result<Option<Box<ServedExtras>>, Box<ErrorObject>> {
    match route.streams.is_none() {
        true => Ok(None),
        false => enter_extras(route, applicant, extensions, params, shared),
    }
}

#[cold]
fn enter_extras(
    route: &Route,
    applicant: &Applicant<'_>,
    extensions: Extensions<'_>,
    params: Option<&str>,
    shared: &SharedState,
) -> Result<Option<Box<ServedExtras>>, Box<ErrorObject>> {
    let streams = match route.streams.has_streams() {
        true => Some(enter_streams(route, applicant, extensions.stream(), params, shared)?),
        false => None,
    };
    let wanted = applicant.id.zip(shared.dialect().progress()).filter(|_| route.streams.progress);
    let progress = wanted.and_then(|(id, words)| {
        let token = words.token(id, extensions.asks_progress(), params)?;
        Some(ServedProgress::new(words, token))
    });
    Ok(ServedExtras::new(streams, progress))
}

fn enter_streams(
    route: &Route,
    applicant: &Applicant<'_>,
    stream: Option<&str>,
    params: Option<&str>,
    shared: &SharedState,
) -> Result<ServedStreams, Box<ErrorObject>> {
    if !shared.info().speaks_birpc() {
        return enter_subscription(route, applicant, shared);
    }
    if applicant.in_batch {
        return Err(invalid("a method with streams cannot be called in a batch"));
    }
    let Some(id) = applicant.id.filter(|id| !id.is_null()) else {
        return Err(invalid("a method with streams cannot be called without an id"));
    };
    let credit = match route.streams.result {
        false => None,
        true => {
            let credit = stream.and_then(parse_initial_credit);
            Some(credit.ok_or_else(|| invalid("the member `stream` is missing or not `[items, bytes]`"))?)
        }
    };
    let numbers = route.streams.find(params).map_err(|repeated| {
        let detail = format!("two parameters have the stream number {}", repeated.0);
        Box::new(ErrorObject::invalid_params(&detail))
    })?;
    match shared.as_stream().accept_call(id, credit, &numbers) {
        Ok(streams) => Ok(ServedStreams::new(streams, numbers, CallItems::served(&route.method))),
        Err(TooManyStreams) => Err(too_many_streams()),
    }
}

/// Enters a stream that is a subscription for this peer.
fn enter_subscription(
    route: &Route,
    applicant: &Applicant<'_>,
    shared: &SharedState,
) -> Result<ServedStreams, Box<ErrorObject>> {
    let form = route.subscription.as_ref();
    let form = form.ok_or_else(|| invalid("a method with streams needs the subprotocol birpc.v1"))?;
    if applicant.id.is_none() {
        return Err(invalid("a subscription needs an id in its request, since the answer names it"));
    }
    let key = shared.as_subscription().accept().map_err(|TooManyStreams| too_many_streams())?;
    Ok(ServedStreams::of_subscription(key, form.clone(), CallItems::served(&route.method)))
}

fn too_many_streams() -> Box<ErrorObject> {
    past_limit("too many results are streams (`max_streams`)").into()
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
    let known = router.route(method).map(|route| &route.method);
    count_refused(shared.meters(), known, error.code());
    shared.inspected().refused(shared.id(), known.map_or(UNKNOWN, |method| method), error.code());
    if id.is_some() {
        return;
    }
    match error.framework_code() {
        Some(ErrorCode::LimitExceeded) => {
            shared.gauges().count_dropped();
            warn_dropped(shared, Oddity::Limit, method, error);
        }
        Some(ErrorCode::MethodNotFound) => warn_dropped(shared, Oddity::UnknownMethod, method, error),
        // While the server drains, everything is refused.
        _ => {
            shared.gauges().count_dropped();
            debug_dropped(shared, method, error);
        }
    }
}
