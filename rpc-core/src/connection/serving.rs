//! Serves incoming calls: the table of open calls, those that wait for their turn, and the limits on replies.

use std::borrow::Cow;
use std::sync::Arc;

use super::admission::{self, Applicant, past_limit};
use super::first_poll::Unstarted;
use super::open_calls;
use super::others::Others;
use super::step::Step;
use crate::dispatch::{Route, Router};
use crate::message::{
    ErrorCode, ErrorObject, Id, SHORT_ERROR, begin_reply, bounded_error_reply, error_reply, finish_reply,
};
use crate::multiplexer::{Admission, Due, IncomingCalls, Load};
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
    /// Whether calls wait for a slot that connections share.
    wants_slot: bool,
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
        Self { shared, router, others, calls: IncomingCalls::new(), wants_slot: false, reply: Vec::new() }
    }

    /// The hook for messages that are not JSON-RPC, if there is one.
    pub(super) fn others(&self) -> Option<&Arc<Others>> {
        self.others.as_ref()
    }

    /// The number of open calls.
    pub(super) fn open(&self) -> usize {
        self.calls.len()
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

    /// Decides on a request or a notification. `congested`: no handler may start now.
    pub(super) fn admit<'t>(
        &mut self,
        id: Option<Id>,
        batch: Option<usize>,
        method: &str,
        params: Option<&'t str>,
        congested: bool,
    ) -> Admitted<'t> {
        let applicant = Applicant::new(id.as_ref(), method, batch, &self.calls);
        let (route, permit) = match admission::check(&applicant, &self.router, &self.shared) {
            Ok(found) => found,
            Err(error) => return Admitted::Refused(id, error),
        };
        let bytes = id.as_ref().map_or(0, Id::len) + params.map_or(0, str::len);
        let admission = self.admission(&route, bytes, congested);
        if admission == Admission::Refuse {
            let why = self.calls.why_refused(&self.shared.config().limits);
            return Admitted::Refused(id, past_limit(&why).into());
        }
        let method = route.method.clone();
        let call = Arc::new(ServedCall::new(self.shared.clone(), method, id, batch, route.ordered));
        let observed =
            Observed::served(self.shared.id(), self.shared.meters(), &call.method, call.id.as_ref());
        if admission == Admission::Run {
            let params = params.map(Cow::Borrowed);
            return Admitted::Run(Unstarted::new(call, route, params, observed, permit));
        }
        let params = params.map(|params| Cow::Owned(params.into()));
        let unstarted = Unstarted::new(call.clone(), route, params, observed, permit);
        self.calls.park(call, unstarted, bytes);
        self.publish();
        Admitted::Parked
    }

    #[inline]
    fn admission(&mut self, route: &Route, bytes: usize, congested: bool) -> Admission {
        let limits = &self.shared.config().limits;
        match self.calls.admit(route.ordered, bytes, self.load(congested), limits) {
            Admission::Run if !self.take_slot() => {
                self.calls.admit_later(bytes, &self.shared.config().limits)
            }
            admission => admission,
        }
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
        }
        let due = self.calls.finish(key, reply);
        self.publish();
        self.shared.drain().count_finished();
        due
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
        let has_null = bounded_error_reply(id, error, self.room_for_reply(batch), &mut reply);
        (reply, has_null)
    }

    /// Replaces a reply that exceeds a limit by an error that says so. The call ends, and the connection
    /// continues.
    #[inline]
    fn bound_reply(&self, call: &ServedCall, reply: &mut Vec<u8>) {
        let Some(id) = &call.id else { return };
        let Some(error) = self.past_bounds(call.batch, reply.len()) else { return };
        tracing::warn!(connection = self.shared.id(), method = &*call.method, %error, "a reply is not sent");
        reply.clear();
        bounded_error_reply(id, &error, self.room_for_reply(call.batch), reply);
    }

    /// The maximum size of a reply, on its own or in its batch, in bytes.
    fn room_for_reply(&self, batch: Option<usize>) -> usize {
        let most = self.shared.config().limits.max_message_out;
        let Some(batch) = batch else { return most };
        // Each entry has room for a short error, unless there are more entries than the whole limit has room
        // for.
        most.saturating_sub(self.calls.batch_len(batch)).max(SHORT_ERROR)
    }

    /// The error that replaces a reply of this size: if it is too large, on its own or together with the
    /// previous replies of its batch, or if it would have to wait in its batch while batches already hold too
    /// much. Pausing its handler instead could stop the batch for ever.
    fn past_bounds(&self, batch: Option<usize>, size: usize) -> Option<ErrorObject> {
        let (limits, calls) = (&self.shared.config().limits, &self.calls);
        let (most, held) = (limits.max_message_out, limits.max_queued_bytes);
        let detail = match batch {
            _ if size > most => {
                format!("the reply has {size} bytes, over the limit of {most} (`max_message_out`)")
            }
            Some(batch) if size + calls.batch_len(batch) > most => {
                format!("the replies of this batch exceed {most} bytes (`max_message_out`)")
            }
            Some(batch) if calls.batch_waits(batch) && calls.batch_bytes() >= held => {
                format!("batches hold {held} bytes of replies (`max_queued_bytes`)")
            }
            _ => return None,
        };
        // −32005 would be wrong, since it means that the method has not run.
        Some(ErrorObject::framework_with(ErrorCode::Internal, "detail", &detail))
    }

    /// Cancels the request that a cancel message names. If it has ended or never existed, that is not an
    /// error. If it had not started, returns what is due for it, with its reply.
    pub(super) fn cancel(&mut self, params: Option<&str>) -> Option<(Due, Vec<u8>)> {
        let Some(id) = self.shared.dialect().cancelled_id(params) else {
            tracing::debug!(connection = self.shared.id(), "a cancel without an id");
            return None;
        };
        if let Some(call) = self.calls.running(&id) {
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
