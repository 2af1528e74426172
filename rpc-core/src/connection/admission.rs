//! Whether a call of the peer is served: now, when its turn comes, or not at all.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;

use super::closing::Ending;
use super::core::Core;
use super::first_poll::{Fresh, Start};
use super::serving::{Entry, Parked, observe};
use crate::dispatch::Route;
use crate::message::{ErrorCode, ErrorObject, Id, SHORTEST_REPLY};
use crate::multiplexer::{Admission, Load};
use crate::observe::count_refused;
use crate::served_call::ServedCall;
use crate::shared_state::{Oddity, OpenPermit, debug_dropped, warn_dropped};
use crate::transport::Transport;

/// Characters of an unknown method's name that go back.
const MAX_ECHO: usize = 200;

impl<T: Transport> Core<T> {
    /// Admits a request or a notification. Gives what is to be started now; else it starts when its turn
    /// comes, or is refused.
    pub(super) fn serve_call<'t>(
        &mut self,
        entry: Entry,
        method: &str,
        params: Option<&'t str>,
        cx: &mut Context<'_>,
    ) -> Result<Option<Start<'t>>, Ending> {
        let found = self.find_route(&entry, method);
        let (route, permit) = match found.and_then(|route| Ok((route, self.take_open_permit()?))) {
            Ok(found) => found,
            Err(error) => return self.decline(entry, method, *error, cx).map(|()| None),
        };
        let bytes = entry.id.as_ref().map_or(0, Id::len) + params.map_or(0, str::len);
        match self.admit(&route, bytes) {
            Admission::Run => Ok(Some(self.begin(entry, route, params, permit))),
            Admission::Park => {
                let call = self.open(entry.id, &route);
                let observed = observe(&call);
                let fresh = Fresh { call, batch: entry.batch, ordered: route.ordered };
                let parked = Parked { route, params: params.map(Into::into), observed, permit };
                self.serving.table.park(fresh.opened(), parked, bytes);
                self.publish_serving();
                Ok(None)
            }
            Admission::Refuse => {
                let error = past_limit(&self.serving.table.why_refused(&self.shared.config.limits));
                self.decline(entry, method, error, cx).map(|()| None)
            }
        }
    }

    /// The route of a call that nothing but a limit keeps from being served.
    fn find_route(&self, entry: &Entry, method: &str) -> Result<Arc<Route>, Box<ErrorObject>> {
        if entry.id.as_ref().is_some_and(|id| self.serving.table.is_open(id)) {
            let detail = "this id is in flight already";
            return Err(ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", detail).into());
        }
        let longest = self.shared.config.limits.max_message_out;
        if entry.id.as_ref().is_some_and(|id| id.text_len() + SHORTEST_REPLY > longest) {
            // Whatever the method returned, it could not be told.
            let detail = "the id leaves no room for a reply";
            return Err(ErrorObject::framework_with(ErrorCode::InvalidRequest, "detail", detail).into());
        }
        if self.shared.drain.has_begun() {
            return Err(ErrorObject::framework(ErrorCode::ShuttingDown).not_served().into());
        }
        let Some(route) = self.serving.router.route(method) else {
            // A peer may have made the name as long as a message.
            let start: String = method.chars().take(MAX_ECHO).collect();
            return Err(ErrorObject::framework_with(ErrorCode::MethodNotFound, "method", &start).into());
        };
        let max_bytes = self.shared.config.limits.max_queued_bytes;
        if entry.batch.is_some() && self.serving.table.batch_bytes() >= max_bytes {
            let detail = format!("batches hold replies of {max_bytes} bytes (`max_queued_bytes`)");
            return Err(past_limit(&detail).into());
        }
        Ok(route.clone())
    }

    fn take_open_permit(&self) -> Result<OpenPermit, Box<ErrorObject>> {
        self.shared
            .take_open_permit()
            .ok_or_else(|| past_limit("too many calls are open at this server (`max_open_total`)").into())
    }

    fn admit(&mut self, route: &Route, bytes: usize) -> Admission {
        let (load, limits) = (self.load(), &self.shared.config.limits);
        match self.serving.table.admit(route.ordered, bytes, load, limits) {
            Admission::Run if !self.serving.take_slot(&self.shared) => {
                self.serving.table.admit_later(bytes, limits)
            }
            admission => admission,
        }
    }

    pub(super) fn open(&self, id: Option<Id>, route: &Route) -> Arc<ServedCall> {
        Arc::new(ServedCall::new(self.shared.clone(), route.method.clone(), id))
    }

    pub(super) fn load(&mut self) -> Load {
        // What runs first holds all handlers back, as a full queue does.
        let congested = self.opening.holds() || self.is_congested();
        Load { waiting: self.shared.waiting.load(Ordering::Acquire), congested }
    }

    /// Answers a call with an error instead of serving it; a notification is only logged.
    fn decline(
        &mut self,
        entry: Entry,
        method: &str,
        error: ErrorObject,
        cx: &mut Context<'_>,
    ) -> Result<(), Ending> {
        let route = self.serving.router.route(method);
        count_refused(&self.shared.meters, route.map(|route| &route.method), error.code());
        if let Some(id) = &entry.id {
            return self.reply_error(id, &error, entry.batch, cx);
        }
        let oddity = match error.framework_code() {
            Some(ErrorCode::LimitExceeded) => Some(Oddity::Limit),
            Some(ErrorCode::MethodNotFound) => Some(Oddity::UnknownMethod),
            _ => None,
        };
        match oddity {
            Some(oddity) => warn_dropped(&self.shared, oddity, method, &error),
            // A drain refuses everything.
            None => debug_dropped(&self.shared, method, &error),
        }
        Ok(())
    }
}

fn past_limit(detail: &str) -> ErrorObject {
    ErrorObject::framework_with(ErrorCode::LimitExceeded, "detail", detail).not_served()
}
