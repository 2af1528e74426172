//! Serves incoming calls: the table of open calls, those that wait for their turn, and the limits on replies.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use super::admission::{self, Applicant, Bound, past_limit};
use super::first_poll::Unstarted;
use super::latest::Latest;
use super::open_calls;
use super::others::Others;
use super::reply_bounds::ReplyBounds;
use super::step::Step;
use crate::config::Overflow;
use crate::dispatch::{Route, Router};
use crate::message::{
    ErrorCode, ErrorObject, Id, begin_reply, bounded_error_reply, error_reply, finish_reply,
};
use crate::multiplexer::{Admission, Due, Failed, IncomingCalls, Load};
use crate::observe::Observed;
use crate::served_call::ServedCall;
use crate::shared_state::SharedState;

/// A reply buffer that is larger than this is not kept.
pub(super) const KEEP_REPLY: usize = 16 << 10;

pub(super) struct Serving {
    shared: Arc<SharedState>,
    router: Arc<Router>,
    /// The hook for messages that are not JSON-RPC, if there is one.
    others: Option<Arc<Others>>,
    calls: IncomingCalls<Arc<ServedCall>, Unstarted<'static>>,
    latest: Latest,
    overflow: Overflow,
    /// Whether calls wait for a slot that connections share.
    wants_slot: bool,
    /// How many calls that were entered have ended.
    finished: u64,
    /// The buffer for replies, kept to avoid allocations.
    reply: Vec<u8>,
}

/// The decision about an incoming call.
pub(super) enum Admitted<'t> {
    /// Its handler is to be polled now.
    Run(Unstarted<'t>),
    /// It starts later, when its turn comes.
    Parked,
    Refused(Option<Id>, Box<ErrorObject>),
    /// It is a notification that must not be missed, and is past a limit.
    NoRoom(Box<ErrorObject>),
}

/// The next call to start.
pub(super) enum NextCall {
    Start(usize, Unstarted<'static>),
    /// No call may start now. `more`: the budget is used up.
    None {
        more: bool,
    },
}

impl Serving {
    pub(super) fn new(router: Arc<Router>, shared: Arc<SharedState>) -> Self {
        let others = router.other().map(|hear| Arc::new(Others::new(hear.clone())));
        Self {
            router,
            others,
            calls: IncomingCalls::new(),
            latest: Latest::default(),
            overflow: shared.config().default_overflow(),
            shared,
            wants_slot: false,
            finished: 0,
            reply: Vec::new(),
        }
    }

    /// The hook for messages that are not JSON-RPC, if there is one.
    pub(super) fn others(&self) -> Option<&Arc<Others>> {
        self.others.as_ref()
    }

    /// The number of open calls.
    pub(super) fn open(&self) -> usize {
        self.calls.len()
    }

    /// Whether as many calls are open as may be.
    pub(super) fn is_full(&self) -> bool {
        self.calls.is_full(&self.shared.config().limits)
    }

    /// Whether handlers run and all of them await their peer; how many calls had ended until now.
    pub(super) fn all_wait(&self) -> Option<u64> {
        let waiting = self.shared.gauges().waiting();
        (waiting > 0 && waiting >= self.calls.running_len()).then_some(self.finished)
    }

    /// Checks the open calls, and warns of those that have been open for long.
    pub(super) fn warn_open(&mut self) {
        open_calls::warn(&self.shared, self.calls.look(open_calls::LOOKS));
    }

    /// Frees the memory that is kept for the next reply.
    pub(super) fn shrink(&mut self) {
        self.reply = Vec::new();
    }

    /// Drops all handlers, because the connection ends.
    pub(super) fn abandon(&mut self) {
        self.want_no_slot();
        // Set before the handlers are dropped, so that code that learns of the end from a dropped handler
        // finds no call being served.
        self.shared.gauges().set_serving(0);
        self.shared.drain().count_cut(self.calls.drain().map(|call| call.cancel()).count());
    }

    /// Decides on a request or a notification. `credit`: the bytes of credit that it holds, 0 if it is no
    /// notification of `birpc.v1`. `congested`: no handler may start now.
    pub(super) fn admit<'t>(
        &mut self,
        id: Option<Id>,
        batch: Option<usize>,
        method: &str,
        (params, stream): (Option<&'t str>, Option<&str>),
        (credit, congested): (usize, bool),
    ) -> Admitted<'t> {
        let applicant = Applicant::new(id.as_ref(), method, batch, &self.calls, self.overflow);
        let applicant = applicant.credited(credit > 0);
        let (route, permit, bound) = match admission::check(&applicant, &self.router, &self.shared) {
            Ok(found) => found,
            Err(error) => return self.refuse(&applicant, id.as_ref(), error),
        };
        let streams = match admission::accept_streams(&route, &applicant, stream, params, &self.shared) {
            Ok(streams) => streams,
            Err(error) => return self.refuse(&applicant, id.as_ref(), error),
        };
        let bytes = id.as_ref().map_or(0, Id::len) + params.map_or(0, str::len);
        let admission = self.admission(&route, bound, bytes, congested);
        if admission == Admission::Refuse {
            if let (Some(_), Some(id)) = (&streams, &id) {
                self.shared.as_stream().finish_call(id);
            }
            let why = self.calls.why_refused(&self.shared.config().limits);
            return self.refuse(&applicant, id.as_ref(), past_limit(&why).into());
        }
        let method = route.method.clone();
        let mut call = ServedCall::new(self.shared.clone(), method, id, batch, route.ordered, credit);
        if let Some(streams) = streams {
            call.set_streams(streams);
        }
        let call = Arc::new(call);
        let observed =
            Observed::served(self.shared.id(), self.shared.meters(), &call.method, call.id.as_ref());
        if admission == Admission::Run {
            let params = params.map(Cow::Borrowed);
            return Admitted::Run(Unstarted::new(call, route, params, observed, permit));
        }
        let params = params.map(|params| Cow::Owned(params.into()));
        let unstarted = Unstarted::new(call.clone(), route, params, observed, permit);
        self.park(call, unstarted, bound, bytes);
        Admitted::Parked
    }

    #[inline]
    fn admission(&mut self, route: &Route, bound: Bound, bytes: usize, congested: bool) -> Admission {
        let (limits, load) = (&self.shared.config().limits, self.load(congested));
        if bound != Bound::Limits {
            return match self.calls.admit_unlimited(route.ordered, load, limits) {
                Admission::Run if !self.take_slot() => Admission::Park,
                admission => admission,
            };
        }
        match self.calls.admit(route.ordered, bytes, load, limits) {
            Admission::Run if !self.take_slot() => {
                self.calls.admit_later(bytes, &self.shared.config().limits)
            }
            admission => admission,
        }
    }

    /// Refuses a call; or the connection, of a notification that must not be missed.
    #[cold]
    fn refuse<'t>(
        &self,
        applicant: &Applicant<'_>,
        id: Option<&Id>,
        error: Box<ErrorObject>,
    ) -> Admitted<'t> {
        match applicant.closes(&self.router, &error) {
            true => Admitted::NoRoom(error),
            false => Admitted::Refused(id.cloned(), error),
        }
    }

    /// Has a call wait its turn.
    #[inline(never)]
    fn park(&mut self, call: Arc<ServedCall>, start: Unstarted<'static>, bound: Bound, bytes: usize) {
        let counted = Some(bytes).filter(|_| bound == Bound::Limits);
        if bound == Bound::OneWaits {
            self.latest.drop_waiting(&call, &mut self.calls);
            let key = self.calls.park(call.clone(), start, counted);
            self.latest.note_waiting(&call, key);
        } else {
            self.calls.park(call, start, counted);
        }
        self.publish();
    }

    fn load(&self, congested: bool) -> Load {
        Load { waiting: self.shared.gauges().waiting(), congested }
    }

    /// Takes one of the slots that connections share, if one is free.
    fn take_slot(&mut self) -> bool {
        self.wants_slot = !self.shared.server_limits().take_slot(&self.shared);
        !self.wants_slot
    }

    /// No call waits for a shared slot any more: a slot that is reserved for this connection goes to the
    /// next.
    fn want_no_slot(&mut self) {
        if std::mem::take(&mut self.wants_slot) {
            self.shared.server_limits().want_no_slot(self.shared.id());
        }
    }

    /// Counts a call that is refused, and logs it if it gets no reply.
    pub(super) fn note_refused(&self, id: Option<&Id>, method: &str, error: &ErrorObject) {
        admission::note_refused(id, method, error, &self.router, &self.shared);
    }

    /// The next parked call, if it may start.
    pub(super) fn next_parked(&mut self, congested: bool, step: &mut Step<'_, '_>) -> NextCall {
        let Some(key) = self.calls.next_parked(self.load(congested), &self.shared.config().limits) else {
            self.want_no_slot();
            return NextCall::None { more: false };
        };
        if step.is_spent() {
            return NextCall::None { more: true };
        }
        if !self.take_slot() {
            return NextCall::None { more: false };
        }
        step.count_message();
        self.calls.unpark(key).map_or(NextCall::None { more: false }, |call| NextCall::Start(key, call))
    }

    /// The beginning of a call's reply, for the first poll of its handler. `entered`: the call is in the
    /// table.
    #[inline]
    pub(super) fn begin_reply(&mut self, call: &ServedCall, entered: bool) -> Vec<u8> {
        if !entered {
            self.shared.gauges().set_serving(self.calls.len() + 1);
        }
        let mut reply = std::mem::take(&mut self.reply);
        reply.clear();
        begin_reply(call.id.as_ref(), &mut reply);
        reply
    }

    /// Takes back the buffer of a reply.
    #[inline]
    pub(super) fn keep_buffer(&mut self, reply: Vec<u8>) {
        if reply.capacity() <= KEEP_REPLY {
            self.reply = reply;
        }
        self.publish();
    }

    #[inline]
    fn publish(&self) {
        self.shared.gauges().set_serving(self.calls.len());
    }

    /// Enters a call whose handler continues. Returns its key.
    pub(super) fn enter(&mut self, call: Arc<ServedCall>) -> usize {
        let key = self.calls.insert(call);
        self.publish();
        key
    }

    /// Ends a call that was never entered, with its reply.
    #[inline]
    pub(super) fn finish_at_once(&mut self, call: &ServedCall, reply: &mut Vec<u8>) -> Due {
        self.shared.drain().count_finished();
        self.finish_streams(call);
        if call.id.is_some() {
            finish_reply(call.id.as_ref(), reply);
            self.bound_reply(call, reply);
        } else {
            reply.clear();
        }
        self.due(call.batch, reply)
    }

    /// Ends a call that was entered. The caller sends what is due.
    pub(super) fn finish(&mut self, key: usize, reply: &mut Vec<u8>) -> Due {
        if let Some(call) = self.calls.get(key) {
            self.bound_reply(call, reply);
            self.finish_streams(call);
        }
        let due = self.calls.finish(key, reply);
        self.finished += 1;
        self.publish();
        self.shared.drain().count_finished();
        due
    }

    /// A call is answered, and its id may be used again.
    #[inline]
    fn finish_streams(&self, call: &ServedCall) {
        if call.streams().is_some()
            && let Some(id) = &call.id
        {
            self.shared.as_stream().finish_call(id);
        }
    }

    /// Ends a call whose caller did what it must not. Gives what is due to one that had not started, with its
    /// reply.
    pub(super) fn fail(&mut self, id: &Id, failed: Failed) -> Option<(Due, Vec<u8>)> {
        if let Some(call) = self.calls.running(id) {
            call.fail(failed);
            return None;
        }
        let key = self.calls.parked(id)?;
        let mut reply = Vec::new();
        error_reply(id, &failed.error().not_served(), &mut reply);
        let due = self.finish(key, &mut reply);
        Some((due, reply))
    }

    /// Opens a batch with this many elements.
    pub(super) fn open_batch(&mut self, elements: usize) -> usize {
        self.calls.open_batch(elements, self.shared.config().limits.max_message_out)
    }

    /// Where the answer to a message that was never entered goes. An empty answer is not sent, but counts in
    /// its batch.
    #[inline]
    pub(super) fn due(&mut self, batch: Option<usize>, reply: &[u8]) -> Due {
        match batch {
            None if reply.is_empty() => Due::Nothing,
            None => Due::Frame,
            Some(batch) => self.calls.answer_in_batch(batch, reply),
        }
    }

    /// The reply to a message that never became a call, and whether it must have id null.
    pub(super) fn error_reply(&self, id: &Id, error: &ErrorObject, batch: Option<usize>) -> (Vec<u8>, bool) {
        let mut reply = Vec::new();
        let bounds = ReplyBounds::new(&self.shared.config().limits, &self.calls, batch);
        let has_null = bounded_error_reply(id, error, bounds.room(), &mut reply);
        (reply, has_null)
    }

    /// Replaces a reply that exceeds a limit by an error that says so. The call ends, and the connection
    /// continues.
    #[inline]
    fn bound_reply(&self, call: &ServedCall, reply: &mut Vec<u8>) {
        let Some(id) = &call.id else { return };
        let bounds = ReplyBounds::new(&self.shared.config().limits, &self.calls, call.batch);
        let Some(error) = bounds.exceeded_by(reply.len()) else { return };
        tracing::warn!(connection = self.shared.id(), method = &*call.method, %error, "a reply is not sent");
        reply.clear();
        bounded_error_reply(id, &error, bounds.room(), reply);
    }

    /// Cancels the request that a cancel message names. If it has ended or never existed, that is not an
    /// error. If it had not started, returns what is due for it, with its reply.
    pub(super) fn cancel(&mut self, params: Option<&str>) -> Option<(Due, Vec<u8>)> {
        let Some(id) = self.shared.dialect().cancelled_id(params) else {
            tracing::debug!(connection = self.shared.id(), "a cancel without an id");
            return None;
        };
        if let Some(call) = self.calls.running(&id) {
            if call.streams().is_some() {
                self.shared.as_stream().cancel_incoming(&id);
            }
            call.cancel();
            return None;
        }
        let key = self.calls.parked(&id)?;
        let mut reply = Vec::new();
        if self.shared.dialect().answers_cancelled() {
            error_reply(&id, &ErrorObject::framework(ErrorCode::Cancelled), &mut reply);
        }
        let due = self.finish(key, &mut reply);
        Some((due, reply))
    }
}
