//! Serving the peer's calls: admit, begin, answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::Connection;
use super::budget::Budget;
use super::closing::Ending;
use crate::dispatch::{self, Begun, Route, Router};
use crate::link::Link;
use crate::message::{ErrorCode, ErrorObject, Id, begin_reply, error_reply, finish_reply};
use crate::multiplexer::{Admission, Due, Load, Opened, ServedTable};
use crate::served_call::ServedCall;
use crate::transport::Transport;

pub(super) struct Serving {
    router: Arc<Router>,
    pub(super) table: ServedTable<Arc<ServedCall>, Parked>,
    /// The reply that is being written; kept for its memory.
    reply: Vec<u8>,
}

/// What starts a call whose turn has come.
pub(super) struct Parked {
    route: Arc<Route>,
    params: Option<Box<RawValue>>,
}

/// Which call it is, and where its reply goes.
pub(super) struct Entry {
    /// `None` for a notification.
    pub(super) id: Option<Id>,
    pub(super) batch: Option<usize>,
}

impl Entry {
    fn opened(self, call: Arc<ServedCall>, ordered: bool) -> Opened<Arc<ServedCall>> {
        Opened { call, id: self.id, batch: self.batch, ordered }
    }
}

/// Characters of an unknown method's name that go back.
const MAX_ECHO: usize = 200;

/// A reply buffer above this is not kept.
const KEEP_REPLY: usize = 16 << 10;

impl Serving {
    pub(super) fn new(router: Arc<Router>) -> Self {
        Self { router, table: ServedTable::new(), reply: Vec::new() }
    }

    /// Gives back memory that is kept for the next reply.
    pub(super) fn rest(&mut self) {
        self.reply = Vec::new();
    }

    /// The connection ends: every handler that serves it is dropped.
    pub(super) fn abandon(&mut self, link: &Link) {
        // Before handlers are dropped: who learns of it from them finds none served.
        link.gauges.set_serving(0);
        link.drain.count_cut(self.table.drain().map(|call| call.cancel()).count());
    }
}

impl<T: Transport> Connection<T> {
    /// Serves a request or a notification, now or when its turn comes.
    pub(super) fn serve_call(
        &mut self,
        entry: Entry,
        method: &str,
        params: Option<&RawValue>,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        if entry.id.as_ref().is_some_and(|id| self.serving.table.is_open(id)) {
            let error = ErrorObject::framework_with(
                ErrorCode::InvalidRequest,
                "detail",
                "this id is in flight already",
            );
            return self.decline(entry, method, error, cx);
        }
        if self.link.drain.has_begun() {
            return self.decline(entry, method, ErrorObject::framework(ErrorCode::ShuttingDown), cx);
        }
        let Some(route) = self.serving.router.route(method) else {
            // A peer may have made the name as long as a message.
            let start: String = method.chars().take(MAX_ECHO).collect();
            let error = ErrorObject::framework_with(ErrorCode::MethodNotFound, "method", &start);
            return self.decline(entry, method, error, cx);
        };
        let limits = &self.link.config.limits;
        if entry.batch.is_some() && self.serving.table.batch_bytes() >= limits.max_queued_bytes {
            let error = ErrorObject::framework_with(
                ErrorCode::LimitExceeded,
                "detail",
                "batches hold too many replies",
            );
            return self.decline(entry, method, error, cx);
        }
        let bytes = entry.id.as_ref().map_or(0, Id::len) + params.map_or(0, |params| params.get().len());
        match self.serving.table.admit(route.ordered, bytes, self.load(), limits) {
            Admission::Run => {
                let (route, call) = (route.clone(), self.open(&entry, route));
                self.run(call, &route, params, entry, cx)
            }
            Admission::Park => {
                let call = self.open(&entry, route);
                let parked = Parked { route: route.clone(), params: params.map(RawValue::to_owned) };
                self.serving.table.park(entry.opened(call, parked.route.ordered), parked, bytes);
                self.publish_serving();
                Ok(())
            }
            Admission::Refuse => {
                let error = ErrorObject::framework_with(
                    ErrorCode::LimitExceeded,
                    "detail",
                    "too many calls in flight",
                );
                self.decline(entry, method, error, cx)
            }
        }
    }

    fn open(&self, entry: &Entry, route: &Route) -> Arc<ServedCall> {
        Arc::new(ServedCall::new(self.link.clone(), route.method.clone(), entry.id.clone()))
    }

    fn load(&self) -> Load {
        Load { waiting: self.link.waiting.load(Ordering::Acquire), congested: self.is_congested() }
    }

    fn publish_serving(&self) {
        self.link.gauges.set_serving(self.serving.table.len());
    }

    /// Answers a call with an error instead of serving it; a notification is only logged.
    fn decline(
        &mut self,
        entry: Entry,
        method: &str,
        error: ErrorObject,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        match &entry.id {
            Some(id) => self.reply_error(id, &error, entry.batch, cx),
            None => {
                tracing::debug!(connection = self.link.id, method, %error, "a notification was dropped");
                Ok(())
            }
        }
    }

    /// Polls a handler once, in place; one that is not ready gets a task.
    fn run(
        &mut self,
        call: Arc<ServedCall>,
        route: &Route,
        params: Option<&RawValue>,
        entry: Entry,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        self.link.gauges.set_serving(self.serving.table.len() + 1);
        let mut reply = std::mem::take(&mut self.serving.reply);
        reply.clear();
        begin_reply(entry.id.as_ref(), &mut reply);
        let begun = dispatch::begin(&call, route, params, &mut reply);
        let answered = match begun {
            Begun::Done if entry.id.is_some() => {
                finish_reply(entry.id.as_ref(), &mut reply);
                self.bound_reply(&call, entry.batch, &mut reply);
                self.answer(entry.batch, &reply, cx)
            }
            Begun::Done => Ok(()),
            Begun::Pending(handling) => {
                let key = self.serving.table.insert(entry.opened(call.clone(), route.ordered));
                dispatch::serve(call, key, handling);
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
            self.budget.step();
            let Some((call, parked)) = self.serving.table.unpark(key) else { break };
            let (call, mut reply) = (call.clone(), Vec::new());
            begin_reply(call.id.as_ref(), &mut reply);
            match dispatch::begin(&call, &parked.route, parked.params.as_deref(), &mut reply) {
                Begun::Pending(handling) => dispatch::serve(call, key, handling),
                Begun::Done => {
                    finish_reply(call.id.as_ref(), &mut reply);
                    let due = self.finish(key, &mut reply);
                    self.deliver(due, &reply, cx)?;
                }
            }
        }
        Ok(false)
    }

    /// A call that was entered has ended. What is due is still to be sent.
    pub(super) fn finish(&mut self, key: usize, reply: &mut Vec<u8>) -> Due {
        if let Some((call, batch)) = self.serving.table.get(key) {
            self.bound_reply(&call.clone(), batch, reply);
        }
        let due = self.serving.table.finish(key, reply);
        self.publish_serving();
        self.link.drain.count_finished();
        due
    }

    /// A reply over the limit becomes an error that says so; the call ends, the connection goes on.
    fn bound_reply(&self, call: &ServedCall, batch: Option<usize>, reply: &mut Vec<u8>) {
        let limit = self.link.config.limits.max_message_out;
        let size = reply.len() + batch.map_or(0, |batch| self.serving.table.batch_len(batch));
        if size <= limit {
            return;
        }
        if let Some(id) = &call.id {
            tracing::warn!(
                connection = self.link.id,
                method = &*call.method,
                size,
                limit,
                "a reply is too large"
            );
            let error = ErrorObject::framework_with(
                ErrorCode::Internal,
                "detail",
                "the reply is over the size limit",
            );
            reply.clear();
            error_reply(id, &error, reply);
        }
    }

    /// Stops serving the request that a cancel names. One that has ended, or never was, is no error.
    pub(super) fn cancel(&mut self, params: Option<&RawValue>, cx: &mut Context<'_>) -> Result<(), Ending> {
        let Some(id) = self.link.dialect.cancelled_id(params) else {
            tracing::debug!(connection = self.link.id, "a cancel names no id");
            return Ok(());
        };
        if let Some(call) = self.serving.table.running(&id) {
            call.cancel();
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
