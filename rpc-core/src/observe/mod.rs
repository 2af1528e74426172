//! Reports calls and connections: a span for each call (feature `tracing`), counters and histograms (feature
//! `metrics`). A half whose feature is off has no size and does nothing. Only this module knows these
//! features.

#[cfg_attr(not(feature = "metrics"), path = "no_meters.rs")]
mod meters;
#[cfg_attr(not(feature = "tracing"), path = "no_spans.rs")]
mod spans;

use std::borrow::Cow;
use std::sync::Arc;

use crate::message::{Answer, Id};
use crate::multiplexer::Outcome;
use meters::CallMeter;
use spans::CallSpan;

pub(crate) use meters::{ConnectionMeter, Meters, count_refused};
pub(crate) use spans::Scope;

/// A call that is in progress, in either direction. If it is dropped before its end is reported, it counts as
/// cancelled.
pub(crate) struct Observed {
    span: CallSpan,
    meter: CallMeter,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Answered(Answer),
    /// The reply was not a valid response, or its result does not have the expected type.
    Undecodable,
    Cancelled,
    TimedOut,
    Disconnected,
}

impl End {
    /// How a call of ours has ended.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Result(_) => Self::Answered(Answer::Result),
            Outcome::Error(error) | Outcome::Refused(error) => Self::Answered(Answer::Error(error.code())),
            Outcome::Broken(..) => Self::Undecodable,
            Outcome::TimedOut => Self::TimedOut,
            Outcome::Cancelled | Outcome::Unsent => Self::Cancelled,
            Outcome::Disconnected | Outcome::Returned(_) => Self::Disconnected,
        }
    }
}

impl Observed {
    /// An incoming call, observed from its admission on.
    pub(crate) fn served(connection: u64, meters: &Meters, method: &Arc<str>, id: Option<&Id>) -> Self {
        Self { span: CallSpan::served(connection, method, id), meter: CallMeter::served(meters, method) }
    }

    /// An outgoing call, observed from its first poll on.
    pub(crate) fn called<'a>(connection: u64, meters: &Meters, method: impl Fn() -> Cow<'a, str>) -> Self {
        Self { span: CallSpan::called(connection, &method), meter: CallMeter::called(meters, &method) }
    }

    /// Records the id of an outgoing call.
    pub(crate) fn numbered(&self, id: u64) {
        self.span.numbered(id);
    }

    /// Runs a part of the call within its span.
    pub(crate) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
        self.span.within(run)
    }

    pub(crate) fn end(self, end: End) {
        self.span.end(end);
        self.meter.end(end);
    }
}

#[cfg(all(test, not(any(feature = "metrics", feature = "tracing"))))]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_watches_costs_nothing() {
        assert_eq!((size_of::<Observed>(), size_of::<ConnectionMeter>(), size_of::<Meters>()), (0, 0, 0));
    }
}
