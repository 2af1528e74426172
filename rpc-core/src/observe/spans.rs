//! A span for each call.

use std::borrow::Cow;

use tokio::time::Instant;
use tracing::Span;
use tracing::field::{Empty, display};

use super::{CallItems, End};
use crate::message::Id;

/// Closes its span when dropped.
pub(super) struct CallSpan {
    span: Span,
    began: Instant,
    end: End,
    /// The items of its streams, if it has any.
    items: Option<CallItems>,
}

impl CallSpan {
    pub(super) fn served(connection: u64, method: &str, id: Option<&Id>) -> Self {
        Self::new(tracing::info_span!(
            target: "birpc",
            "serve",
            method,
            id = id.map(|id| display(id.excerpt())),
            connection,
            direction = "in",
            kind = if id.is_some() { "request" } else { "notification" },
            items_sent = Empty,
            items_received = Empty,
            outcome = Empty,
            duration = Empty,
        ))
    }

    pub(super) fn called<'a>(connection: u64, method: &impl Fn() -> Cow<'a, str>) -> Self {
        Self::new(tracing::info_span!(
            target: "birpc",
            "call",
            method = &*method(),
            id = Empty,
            connection,
            direction = "out",
            kind = "request",
            items_sent = Empty,
            items_received = Empty,
            outcome = Empty,
            duration = Empty,
        ))
    }

    fn new(span: Span) -> Self {
        Self { span, began: Instant::now(), end: End::Cancelled, items: None }
    }

    pub(super) fn numbered(&self, id: u64) {
        self.span.record("id", display(id));
    }

    pub(super) fn watch(&mut self, items: &CallItems) {
        self.items = Some(items.clone());
    }

    pub(super) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
        self.span.in_scope(run)
    }

    pub(super) fn end(mut self, end: End) {
        self.end = end;
    }
}

/// A span that is carried to another thread.
pub(crate) struct Scope(Span);

impl Scope {
    pub(crate) fn current() -> Self {
        Self(Span::current())
    }

    pub(crate) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
        self.0.in_scope(run)
    }

    /// Records the items of a subscription, whose call was answered when it began.
    pub(crate) fn record(&self, items: &CallItems) {
        record(&self.0, items);
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        self.span.record("duration", self.began.elapsed().as_secs_f64());
        self.span.record("outcome", display(self.end));
        if let Some(items) = &self.items {
            record(&self.span, items);
        }
    }
}

fn record(span: &Span, items: &CallItems) {
    span.record("items_sent", items.sent());
    span.record("items_received", items.received());
}
