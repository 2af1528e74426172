//! Serves incoming calls: the table of open and waiting calls, and the limits on replies.

mod arrivals;
mod reply_buffer;
mod server_slots;

use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;
use tokio::time::Instant;

use super::first_poll::Unstarted;
use super::latest::Latest;
use super::open_calls;
use super::others::Others;
use super::pause::{Backlog, Pause};
use super::reply_bounds::ReplyBounds;
use super::step::Step;
use crate::config::Overflow;
use crate::dispatch::Router;
use crate::inspect::OpenCall;
use crate::message::{
    ErrorCode, ErrorObject, Id, begin_reply, bounded_error_reply, error_reply, finish_reply,
};
use crate::multiplexer::{Due, Failed, IncomingCalls, Load, StreamKey};
use crate::served_call::ServedCall;
use crate::shared_state::SharedState;
use arrivals::Arrivals;
use reply_buffer::ReplyBuffer;
use server_slots::ServerSlots;

pub(super) use arrivals::Admitted;
pub(super) use reply_buffer::KEEP_REPLY;

pub(super) struct Serving {
    shared: Arc<SharedState>,
    router: Arc<Router>,
    /// The hook for messages that are not JSON-RPC, if there is one.
    others: Option<Arc<Others>>,
    calls: IncomingCalls<Arc<ServedCall>, Unstarted<'static>>,
    latest: Latest,
    overflow: Overflow,
    slots: ServerSlots,
    /// Set if reading may be paused.
    pause: Option<Box<Pause>>,
    /// The number of calls that were entered and have ended.
    finished: u64,
    buffer: ReplyBuffer,
}

/// The reply to a batch, and the subscriptions that begin behind it.
pub(super) type BatchReply = (Bytes, Vec<StreamKey>);

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
            slots: ServerSlots::new(shared.clone()),
            pause: Pause::new(shared.config(), shared.info().speaks_birpc()),
            shared,
            finished: 0,
            buffer: ReplyBuffer::default(),
        }
    }

    /// The hook for messages that are not JSON-RPC, if there is one.
    pub(super) fn others(&self) -> Option<&Arc<Others>> {
        self.others.as_ref()
    }

    /// Whether a method is served.
    pub(super) fn serves(&self, method: &str) -> bool {
        self.router.route(method).is_some()
    }

    /// The operations for a call that arrives.
    #[inline]
    pub(super) fn arrivals(&mut self) -> Arrivals<'_> {
        Arrivals::of(self)
    }

    /// The number of open calls.
    pub(super) fn open(&self) -> usize {
        self.calls.len()
    }

    /// Whether no call is open, and no subscription.
    pub(super) fn is_idle(&self) -> bool {
        self.open() == 0 && !self.shared.as_subscription().is_any()
    }

    /// Whether `max_open` calls are open, apart from those whose results are open streams.
    pub(super) fn is_full(&self) -> bool {
        self.calls.is_full(self.load(false), &self.shared.config().limits)
    }

    /// If handlers run and all of them await their peer, apart from those whose results are open streams,
    /// returns the number of calls that have ended.
    pub(super) fn all_wait(&self) -> Option<u64> {
        let Load { waiting, producing, .. } = self.load(false);
        (waiting > producing && waiting >= self.calls.running_len()).then_some(self.finished)
    }

    /// Whether reading is paused because a limit of waiting calls is reached.
    #[inline]
    pub(super) fn pauses_reading(&mut self) -> bool {
        let Some(pause) = &mut self.pause else { return false };
        let (shared, limits) = (&self.shared, &self.shared.config().limits);
        let most = (limits.max_in_flight, limits.max_parked_bytes);
        let awaits_peer = || shared.as_caller().in_flight() > 0 || shared.as_subscriber().has_live();
        pause.decide(Backlog::of(self.calls.waiting_size(), most), awaits_peer, Instant::now)
    }

    /// The latest time at which reading continues, if it is paused.
    #[inline]
    pub(super) fn paused_until(&self) -> Option<Instant> {
        self.pause.as_ref()?.until()
    }

    /// Continues to read, because the maximum time of a pause has elapsed.
    pub(super) fn read_on(&mut self, cx: &Context<'_>) {
        if let Some(pause) = &mut self.pause {
            pause.elapse();
        }
        cx.waker().wake_by_ref();
    }

    /// Checks the open calls, and warns of those that have been open for long.
    pub(super) fn warn_open(&mut self) {
        open_calls::warn(&self.shared, self.calls.look(open_calls::LOOKS));
    }

    /// The open calls, for those who inspect the connection: at most [`open_calls::MAX_LISTED`].
    pub(super) fn list(&self) -> Vec<OpenCall> {
        open_calls::list(self.calls.iter())
    }

    /// Frees the memory that is kept for the next reply.
    pub(super) fn shrink(&mut self) {
        self.buffer.shrink();
    }

    /// Drops all handlers, because the connection ends.
    pub(super) fn abandon(&mut self) {
        self.slots.want_none();
        // Set before the handlers are dropped, so that code that learns of the end from a dropped handler
        // finds no call being served.
        self.shared.gauges().set_serving(0);
        let cut = self.calls.drain().map(|call| {
            call.cancel();
            call.drop_unclaimed();
        });
        self.shared.drain().count_cut(cut.count());
    }

    fn load(&self, congested: bool) -> Load {
        let gauges = self.shared.gauges();
        Load { waiting: gauges.waiting(), producing: gauges.producing(), congested }
    }

    /// The next parked call, if it may start.
    pub(super) fn next_parked(&mut self, congested: bool, step: &mut Step<'_, '_>) -> NextCall {
        let Some(key) = self.calls.next_parked(self.load(congested), &self.shared.config().limits) else {
            self.slots.want_none();
            return NextCall::None { more: false };
        };
        if step.is_spent() {
            return NextCall::None { more: true };
        }
        if !self.slots.take() {
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
        let mut reply = self.buffer.take();
        begin_reply(call.id.as_ref(), &mut reply);
        reply
    }

    /// Takes back the buffer of a reply.
    #[inline]
    pub(super) fn keep_buffer(&mut self, reply: Vec<u8>) {
        self.buffer.keep(reply);
        self.publish();
    }

    #[inline]
    fn publish(&self) {
        self.shared.gauges().set_serving(self.calls.len());
    }

    /// Enters a call whose handler continues. Returns its key.
    pub(super) fn enter(&mut self, call: Arc<ServedCall>) -> usize {
        call.since().begin();
        let key = self.calls.insert(call);
        self.publish();
        key
    }

    /// Ends a call that was never entered, with its reply.
    #[inline]
    pub(super) fn finish_at_once(&mut self, call: &ServedCall, reply: &mut Vec<u8>) -> Due {
        self.shared.drain().count_finished();
        // The reply may be sent past the queue.
        if let Some(progress) = call.progress() {
            self.shared.as_progress().settle(progress.slots());
        }
        let subscription = if call.id.is_some() {
            finish_reply(call.id.as_ref(), reply);
            self.bound_reply(call, reply);
            self.finish_streams(call, reply)
        } else {
            reply.clear();
            None
        };
        self.calls.due(call.batch, reply, subscription)
    }

    /// Ends a call that was entered. The caller sends what is due.
    pub(super) fn finish(&mut self, key: usize, reply: &mut Vec<u8>) -> Due {
        if let Some(call) = self.calls.get(key) {
            self.bound_reply(call, reply);
            self.finish_streams(call, reply);
        }
        let due = self.calls.finish(key, reply);
        self.finished += 1;
        self.publish();
        self.shared.drain().count_finished();
        due
    }

    /// Removes the streams of a call that is answered, whose id may be used again. Returns the subscription
    /// that begins behind the reply.
    #[inline]
    fn finish_streams(&self, call: &ServedCall, reply: &[u8]) -> Option<StreamKey> {
        call.streams()?.finish(&self.shared, call.id.as_ref()?, reply)
    }

    /// Ends a call whose caller broke a rule of its streams. If the call had not started, returns what is due
    /// for it, with its reply.
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

    /// What is due for a message that was never entered. An empty answer is not sent, but counts in its
    /// batch.
    #[inline]
    pub(super) fn due(&mut self, batch: Option<usize>, reply: &[u8]) -> Due {
        self.calls.due(batch, reply, None)
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
            if let Some(progress) = call.progress() {
                self.shared.as_progress().drop_reports(progress.slots());
            }
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
