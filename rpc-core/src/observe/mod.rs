//! What is told of calls and connections to those who watch: a span for each call (feature `tracing`),
//! counters and histograms (feature `metrics`). Without its feature a half is of zero size and does nothing;
//! no other module knows of the features.

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

/// A call while it is under way, in either direction. Dropped before its end, it was cancelled.
pub(crate) struct Observed {
    span: CallSpan,
    meter: CallMeter,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Answered(Answer),
    /// The reply was no response, or its result was not of the expected type.
    Undecodable,
    Cancelled,
    TimedOut,
    Disconnected,
}

impl End {
    /// How a call of ours ended.
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
    /// A call of the peer, from its admission on.
    pub(crate) fn served(connection: u64, meters: &Meters, method: &Arc<str>, id: Option<&Id>) -> Self {
        Self { span: CallSpan::served(connection, method, id), meter: CallMeter::served(meters, method) }
    }

    /// A call of ours, from its first poll on.
    pub(crate) fn called<'a>(connection: u64, meters: &Meters, method: impl Fn() -> Cow<'a, str>) -> Self {
        Self { span: CallSpan::called(connection, &method), meter: CallMeter::called(meters, &method) }
    }

    /// The id that a call of ours got.
    pub(crate) fn numbered(&self, id: u64) {
        self.span.numbered(id);
    }

    /// Runs what belongs to the call.
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
