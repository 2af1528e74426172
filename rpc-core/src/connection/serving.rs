//! Serving the peer's calls: begin, answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;

use super::closing::Ending;
use super::core::Core;
use super::first_poll::{FirstPoll, Fresh, Held, Start};
use super::others::Others;
use crate::dispatch::{self, Occupied, Polled, Route, Router};
use crate::message::{
    ErrorCode, ErrorObject, Id, SHORT_ERROR, begin_reply, bounded_error_reply, error_reply, finish_reply,
};
use crate::multiplexer::{Due, IncomingCalls};
use crate::observe::Observed;
use crate::served_call::ServedCall;
use crate::shared_state::{OpenPermit, SharedState};
use crate::transport::Transport;

pub(super) struct Serving {
    pub(super) router: Arc<Router>,
    /// Where messages go that are none of JSON-RPC, if the application wants to hear of them.
    pub(super) others: Option<Arc<Others>>,
    pub(super) table: IncomingCalls<Arc<ServedCall>, Parked>,
    /// Whether calls wait for a slot that connections share.
    wants_slot: bool,
    /// The reply that is being written; kept for its memory.
    reply: Vec<u8>,
}

/// What starts a call whose turn has come.
pub(super) struct Parked {
    pub(super) route: Arc<Route>,
    pub(super) params: Option<Box<str>>,
    pub(super) observed: Observed,
    pub(super) permit: OpenPermit,
}

/// Which call it is, and where its reply goes.
pub(super) struct Entry {
    /// `None` for a notification.
    pub(super) id: Option<Id>,
    pub(super) batch: Option<usize>,
}

/// What [`Core::next_parked`] has found.
pub(super) enum Next {
    Start(Start<'static>),
    /// Nothing that may start now; `more`: the budget is spent.
    Later {
        more: bool,
    },
}

/// A reply buffer above this is not kept.
const KEEP_REPLY: usize = 16 << 10;

impl Serving {
    pub(super) fn new(router: Arc<Router>) -> Self {
        let others = router.other().map(|hear| Arc::new(Others::new(hear.clone())));
        Self { router, others, table: IncomingCalls::new(), wants_slot: false, reply: Vec::new() }
    }

    /// Gives back memory that is kept for the next reply.
    pub(super) fn shrink(&mut self) {
        self.reply = Vec::new();
    }

    /// Whether the application wants to hear of messages that are none of JSON-RPC.
    pub(super) fn hears_others(&self) -> bool {
        self.others.is_some()
    }

    /// The connection ends: every handler that serves it is dropped.
    pub(super) fn abandon(&mut self, shared: &SharedState) {
        self.want_no_slot(shared);
        // Before handlers are dropped: who learns of it from them finds none served.
        shared.gauges.set_serving(0);
        shared.drain.count_cut(self.table.drain().map(|call| call.cancel()).count());
    }

    /// Whether a handler may start, as far as other connections go.
    pub(super) fn take_slot(&mut self, shared: &Arc<SharedState>) -> bool {
        self.wants_slot = !shared.take_slot();
        !self.wants_slot
    }

    /// Nothing waits for a slot here: one that is kept for this connection goes to the next.
    fn want_no_slot(&mut self, shared: &SharedState) {
        if std::mem::take(&mut self.wants_slot) {
            shared.want_no_slot();
        }
    }
}

impl<T: Transport> Core<T> {
    /// A call whose handler is to be polled at once.
    pub(super) fn begin<'t>(
        &mut self,
        entry: Entry,
        route: Arc<Route>,
        params: Option<&'t str>,
        permit: OpenPermit,
    ) -> Start<'t> {
        self.shared.gauges.set_serving(self.serving.table.len() + 1);
        let call = self.open(entry.id, &route);
        let observed = observe(&call);
        let mut reply = std::mem::take(&mut self.serving.reply);
        reply.clear();
        begin_reply(call.id.as_ref(), &mut reply);
        let fresh = Fresh { call: call.clone(), batch: entry.batch, ordered: route.ordered };
        self.held = Some(Held::new(FirstPoll::New(fresh)));
        Start { call, route, params: params.map(Cow::Borrowed), observed, permit, reply }
    }

    /// The next call whose turn has come.
    pub(super) fn next_parked(&mut self) -> Next {
        let load = self.load();
        let Some(key) = self.serving.table.next_parked(load, &self.shared.config.limits) else {
            self.serving.want_no_slot(&self.shared);
            return Next::Later { more: false };
        };
        if self.budget.is_spent() {
            return Next::Later { more: true };
        }
        if !self.serving.take_slot(&self.shared) {
            return Next::Later { more: false };
        }
        self.budget.step();
        let Some((call, parked)) = self.serving.table.unpark(key) else {
            return Next::Later { more: false };
        };
        let (call, mut reply) = (call.clone(), Vec::new());
        begin_reply(call.id.as_ref(), &mut reply);
        self.held = Some(Held::new(FirstPoll::Entered(key, call.clone())));
        let Parked { route, params, observed, permit } = parked;
        let params = params.map(|params| Cow::Owned(params.into()));
        Next::Start(Start { call, route, params, observed, permit, reply })
    }

    /// A handler that was polled at once has an answer, or needs a task.
    pub(super) fn begun(
        &mut self,
        fresh: Fresh,
        begun: Polled,
        occupied: impl FnOnce() -> Occupied,
        mut reply: Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        let is_request = fresh.call.id.is_some();
        let notified = fresh.batch.filter(|_| !is_request);
        let answered = match begun {
            Polled::Done => {
                drop(occupied);
                self.shared.drain.count_finished();
                if is_request { self.answer_at_once(&fresh, &mut reply, cx) } else { Ok(()) }
            }
            Polled::Pending(handling, observed) => {
                let call = fresh.call.clone();
                let key = self.serving.table.insert(fresh.opened());
                dispatch::spawn(call, key, handling, observed, occupied());
                Ok(())
            }
        };
        if reply.capacity() <= KEEP_REPLY {
            self.serving.reply = reply;
        }
        self.publish_serving();
        // No reply is due to a notification, in its batch either.
        answered.and_then(|()| if notified.is_some() { self.answer(notified, &[], cx) } else { Ok(()) })
    }

    fn answer_at_once(
        &mut self,
        fresh: &Fresh,
        reply: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        finish_reply(fresh.call.id.as_ref(), reply);
        self.bound_reply(&fresh.call, fresh.batch, reply);
        if fresh.batch.is_none() && reply.len() > KEEP_REPLY {
            // It would not be kept: it goes itself, cut to its size, and no copy of it.
            let reply = std::mem::take(reply).into_boxed_slice();
            return self.send_reply(reply.into(), cx);
        }
        self.answer(fresh.batch, reply, cx)
    }

    /// As [`Core::begun`], of a call that had waited its turn.
    pub(super) fn begun_parked(
        &mut self,
        key: usize,
        call: Arc<ServedCall>,
        begun: Polled,
        occupied: impl FnOnce() -> Occupied,
        mut reply: Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        match begun {
            Polled::Pending(handling, observed) => {
                dispatch::spawn(call, key, handling, observed, occupied());
                Ok(())
            }
            Polled::Done => {
                drop(occupied);
                finish_reply(call.id.as_ref(), &mut reply);
                let due = self.finish(key, &mut reply);
                self.deliver(due, &reply, cx)
            }
        }
    }

    pub(super) fn publish_serving(&self) {
        self.shared.gauges.set_serving(self.serving.table.len());
    }

    /// A call that was entered has ended. What is due is still to be sent.
    pub(super) fn finish(&mut self, key: usize, reply: &mut Vec<u8>) -> Due {
        if let Some((call, batch)) = self.serving.table.get(key) {
            self.bound_reply(&call.clone(), batch, reply);
        }
        let due = self.serving.table.finish(key, reply);
        self.publish_serving();
        self.shared.drain.count_finished();
        due
    }

    /// A reply past a limit becomes an error that says so; the call ends, the connection goes on.
    fn bound_reply(&self, call: &ServedCall, batch: Option<usize>, reply: &mut Vec<u8>) {
        let (Some(id), Some(error)) = (&call.id, self.past_bounds(batch, reply.len())) else { return };
        tracing::warn!(connection = self.shared.id, method = &*call.method, %error, "a reply is not sent");
        reply.clear();
        bounded_error_reply(id, &error, self.room_for_reply(batch), reply);
    }

    /// Bytes that a reply may have, by itself or in its batch.
    pub(super) fn room_for_reply(&self, batch: Option<usize>) -> usize {
        let most = self.shared.config.limits.max_message_out;
        let Some(batch) = batch else { return most };
        // Each entry has room for a short error, unless there are more than fit at all.
        most.saturating_sub(self.serving.table.batch_len(batch)).max(SHORT_ERROR)
    }

    /// What a reply of so many bytes becomes: by itself too large, or with those before it in its batch; or
    /// it would have to wait in its batch while batches hold too much. To pause its handler could stop its
    /// batch for ever.
    fn past_bounds(&self, batch: Option<usize>, size: usize) -> Option<ErrorObject> {
        let (limits, table) = (&self.shared.config.limits, &self.serving.table);
        let (most, held) = (limits.max_message_out, limits.max_queued_bytes);
        let detail = match batch {
            _ if size > most => {
                format!("the reply has {size} bytes, over the limit of {most} (`max_message_out`)")
            }
            Some(batch) if size + table.batch_len(batch) > most => {
                format!("the replies of this batch are over {most} bytes (`max_message_out`)")
            }
            Some(batch) if table.batch_waits(batch) && table.batch_bytes() >= held => {
                format!("batches hold replies of {held} bytes (`max_queued_bytes`)")
            }
            _ => return None,
        };
        // No other code: −32005 would say that the method has not run.
        Some(ErrorObject::framework_with(ErrorCode::Internal, "detail", &detail))
    }

    /// Stops serving the request that a cancel names. One that has ended, or never was, is no error.
    pub(super) fn cancel(&mut self, params: Option<&str>, cx: &mut Context<'_>) -> Result<(), Ending> {
        let Some(id) = self.shared.dialect.cancelled_id(params) else {
            tracing::debug!(connection = self.shared.id, "a cancel names no id");
            return Ok(());
        };
        if let Some(call) = self.serving.table.running(&id) {
            call.cancel();
        } else if let Some(key) = self.serving.table.parked(&id) {
            let mut reply = Vec::new();
            if self.shared.dialect.answers_cancelled() {
                error_reply(&id, &ErrorObject::framework(ErrorCode::Cancelled), &mut reply);
            }
            let due = self.finish(key, &mut reply);
            return self.deliver(due, &reply, cx);
        }
        Ok(())
    }

    /// Answers what was never entered; an empty reply is none, but counts in its batch.
    pub(super) fn answer(
        &mut self,
        batch: Option<usize>,
        reply: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        let due = match batch {
            None if reply.is_empty() => Due::Nothing,
            None => Due::Frame,
            Some(batch) => self.serving.table.answer_in_batch(batch, reply),
        };
        self.deliver(due, reply, cx)
    }

    pub(super) fn deliver(&mut self, due: Due, reply: &[u8], cx: &mut Context<'_>) -> Result<(), Ending> {
        match due {
            Due::Frame => self.send_reply(Bytes::copy_from_slice(reply), cx),
            Due::Batch(array) => self.send_reply(array, cx),
            Due::Later | Due::Nothing => Ok(()),
        }
    }
}

pub(super) fn observe(call: &ServedCall) -> Observed {
    Observed::served(call.shared.id, &call.shared.meters, &call.method, call.id.as_ref())
}
