//! Serving the peer's calls: begin, answer.

use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;

use super::Connection;
use super::budget::Budget;
use super::closing::Ending;
use crate::dispatch::{self, Begun, Route, Router};
use crate::link::{Link, Place};
use crate::message::{
    ErrorCode, ErrorObject, Id, SHORT_ERROR, begin_reply, bounded_error_reply, error_reply, finish_reply,
};
use crate::multiplexer::{Due, Opened, ServedTable};
use crate::observe::Observed;
use crate::peer::Peer;
use crate::served_call::ServedCall;
use crate::transport::Transport;

pub(super) struct Serving {
    pub(super) router: Arc<Router>,
    pub(super) table: ServedTable<OpenCall, Parked>,
    /// Whether calls wait for a slot that connections share.
    wants_slot: bool,
    /// The reply that is being written; kept for its memory.
    reply: Vec<u8>,
}

/// A call in the table.
pub(super) struct OpenCall {
    pub(super) call: Arc<ServedCall>,
    pub(super) _place: Place,
}

/// What starts a call whose turn has come.
pub(super) struct Parked {
    pub(super) route: Arc<Route>,
    pub(super) params: Option<Box<str>>,
    pub(super) observed: Observed,
}

/// Which call it is, and where its reply goes.
pub(super) struct Entry {
    /// `None` for a notification.
    pub(super) id: Option<Id>,
    pub(super) batch: Option<usize>,
}

impl Entry {
    pub(super) fn opened(self, call: OpenCall, ordered: bool) -> Opened<OpenCall> {
        Opened { call, id: self.id, batch: self.batch, ordered }
    }
}

/// A reply buffer above this is not kept.
const KEEP_REPLY: usize = 16 << 10;

impl Serving {
    pub(super) fn new(router: Arc<Router>) -> Self {
        Self { router, table: ServedTable::new(), wants_slot: false, reply: Vec::new() }
    }

    /// Gives back memory that is kept for the next reply.
    pub(super) fn rest(&mut self) {
        self.reply = Vec::new();
    }

    /// Whether the application wants to hear of messages that are none of JSON-RPC.
    pub(super) fn hears_others(&self) -> bool {
        self.router.other().is_some()
    }

    /// Tells the application of one; `false` if it does not want to hear.
    pub(super) fn tell_other(&self, link: &Arc<Link>, text: &str) -> bool {
        let Some(hear) = self.router.other() else { return false };
        dispatch::tell_other(hear, &Peer::new(link.clone()), text);
        true
    }

    /// The connection ends: every handler that serves it is dropped.
    pub(super) fn abandon(&mut self, link: &Link) {
        self.want_no_slot(link);
        // Before handlers are dropped: who learns of it from them finds none served.
        link.gauges.set_serving(0);
        link.drain.count_cut(self.table.drain().map(|open| open.call.cancel()).count());
    }

    /// Whether a handler may start, as far as other connections go.
    pub(super) fn take_slot(&mut self, link: &Arc<Link>) -> bool {
        self.wants_slot = !link.take_slot();
        !self.wants_slot
    }

    /// Nothing waits for a slot here: one that is kept for this connection goes to the next.
    fn want_no_slot(&mut self, link: &Link) {
        if std::mem::take(&mut self.wants_slot) {
            link.want_no_slot();
        }
    }
}

impl<T: Transport> Connection<T> {
    /// Polls a handler once, in place; one that is not ready gets a task.
    pub(super) fn run(
        &mut self,
        open: OpenCall,
        route: &Route,
        params: Option<&str>,
        entry: Entry,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        self.link.gauges.set_serving(self.serving.table.len() + 1);
        let mut reply = std::mem::take(&mut self.serving.reply);
        reply.clear();
        begin_reply(entry.id.as_ref(), &mut reply);
        let observed = observe(&open.call);
        let begun = dispatch::begin(&open.call, route, params, observed, &mut reply);
        let answered = match begun {
            Begun::Done if entry.id.is_some() => {
                finish_reply(entry.id.as_ref(), &mut reply);
                self.bound_reply(&open.call, entry.batch, &mut reply);
                if entry.batch.is_none() && reply.len() > KEEP_REPLY {
                    // It would not be kept: it goes itself, cut to its size, and no copy of it.
                    let reply = std::mem::take(&mut reply).into_boxed_slice();
                    self.send_reply(reply.into(), cx)
                } else {
                    self.answer(entry.batch, &reply, cx)
                }
            }
            Begun::Done => Ok(()),
            Begun::Pending(handling, observed) => {
                let call = open.call.clone();
                let key = self.serving.table.insert(entry.opened(open, route.ordered));
                dispatch::serve(call, key, handling, observed);
                Ok(())
            }
        };
        if reply.capacity() <= KEEP_REPLY {
            self.serving.reply = reply;
        }
        self.publish_serving();
        answered
    }

    /// Starts calls whose turn has come, up to the budget; `true` if there are more.
    pub(super) fn start_parked(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        self.budget = Budget::FULL;
        while let Some(key) = self.serving.table.next_parked(self.load(), &self.link.config.limits) {
            if self.budget.is_spent() {
                return Ok(true);
            }
            if !self.serving.take_slot(&self.link) {
                return Ok(false);
            }
            self.budget.step();
            let Some((open, parked)) = self.serving.table.unpark(key) else { break };
            let (call, mut reply) = (open.call.clone(), Vec::new());
            begin_reply(call.id.as_ref(), &mut reply);
            match dispatch::begin(&call, &parked.route, parked.params.as_deref(), parked.observed, &mut reply)
            {
                Begun::Pending(handling, observed) => dispatch::serve(call, key, handling, observed),
                Begun::Done => {
                    finish_reply(call.id.as_ref(), &mut reply);
                    let due = self.finish(key, &mut reply);
                    self.deliver(due, &reply, cx)?;
                }
            }
        }
        self.serving.want_no_slot(&self.link);
        Ok(false)
    }

    pub(super) fn publish_serving(&self) {
        self.link.gauges.set_serving(self.serving.table.len());
    }

    /// A call that was entered has ended. What is due is still to be sent.
    pub(super) fn finish(&mut self, key: usize, reply: &mut Vec<u8>) -> Due {
        if let Some((open, batch)) = self.serving.table.get(key) {
            self.bound_reply(&open.call.clone(), batch, reply);
        }
        let due = self.serving.table.finish(key, reply);
        self.publish_serving();
        self.link.drain.count_finished();
        due
    }

    /// A reply past a limit becomes an error that says so; the call ends, the connection goes on.
    fn bound_reply(&self, call: &ServedCall, batch: Option<usize>, reply: &mut Vec<u8>) {
        let (Some(id), Some(error)) = (&call.id, self.past_bounds(batch, reply.len())) else { return };
        tracing::warn!(connection = self.link.id, method = &*call.method, %error, "a reply is not sent");
        reply.clear();
        bounded_error_reply(id, &error, self.room_for_reply(batch), reply);
    }

    /// Bytes that a reply may have, by itself or in its batch.
    pub(super) fn room_for_reply(&self, batch: Option<usize>) -> usize {
        let most = self.link.config.limits.max_message_out;
        let Some(batch) = batch else { return most };
        // Each entry has room for a short error, unless there are more than fit at all.
        most.saturating_sub(self.serving.table.batch_len(batch)).max(SHORT_ERROR)
    }

    /// What a reply of so many bytes becomes: by itself too large, or with those before it in its batch; or it would
    /// have to wait in its batch while batches hold too much. To pause its handler could stop its batch for ever.
    fn past_bounds(&self, batch: Option<usize>, size: usize) -> Option<ErrorObject> {
        let (limits, table) = (&self.link.config.limits, &self.serving.table);
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
        let Some(id) = self.link.dialect.cancelled_id(params) else {
            tracing::debug!(connection = self.link.id, "a cancel names no id");
            return Ok(());
        };
        if let Some(open) = self.serving.table.running(&id) {
            open.call.cancel();
        } else if let Some(key) = self.serving.table.parked(&id) {
            let mut reply = Vec::new();
            if self.link.dialect.answers_cancelled() {
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
    Observed::served(call.link.id, &call.link.meters, &call.method, call.id.as_ref())
}
