//! Reports calls and connections: a span for each call (feature `tracing`), counters and histograms (feature
//! `metrics`). A half whose feature is off has no size and does nothing. Only this module knows these
//! features.

#[cfg_attr(not(feature = "metrics"), path = "no_meters.rs")]
mod meters;
mod reports;
#[cfg_attr(not(feature = "tracing"), path = "no_spans.rs")]
mod spans;
mod streams;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::inspect::{CallOutcome, Inspected, WatchedCall};
use crate::message::{Answer, ErrorCode, Id};
use crate::multiplexer::{Halt, Outcome, StreamEnd};
use meters::CallMeter;
use spans::CallSpan;

pub(crate) use meters::{ConnectionMeter, Meters, count_refused};
pub(crate) use reports::{CallReports, count_queued_report};
pub(crate) use spans::Scope;
pub(crate) use streams::{CallItems, ObservedStream};

/// A call that is in progress, in either direction. If it is dropped before its end is reported, it counts as
/// cancelled.
pub(crate) struct Observed<W = WatchedCall> {
    span: CallSpan,
    meter: CallMeter,
    /// For those who inspect the server.
    watched: W,
}

/// An incoming call. Those who inspect the server watch it too, but its [`WatchedCall`] is with the call
/// itself, which has a place for it anyway: this type moves through all steps of each call, and is usually
/// empty.
pub(crate) type ObservedServed = Observed<()>;

/// The direction in which the items of a stream, or reports of progress, move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// This side receives them.
    In,
    /// This side sends them.
    Out,
}

impl Direction {
    #[cfg_attr(not(feature = "metrics"), allow(dead_code))]
    fn label(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// How a call or a stream ended.
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

    /// How a stream that this side consumes has ended. If it is a result, its call has ended in the same way.
    pub(crate) fn of_consumed(end: &StreamEnd) -> Self {
        match end {
            StreamEnd::Complete => Self::Answered(Answer::Result),
            StreamEnd::Error(error) => Self::Answered(Answer::Error(error.code())),
            StreamEnd::Lagged { .. } => Self::Answered(Answer::Error(ErrorCode::Lagged.number())),
            StreamEnd::Cancelled => Self::Cancelled,
            StreamEnd::Undecodable(_) => Self::Undecodable,
            StreamEnd::Disconnected => Self::Disconnected,
        }
    }

    /// How a stream that this side produces has ended, if it was halted.
    pub(crate) fn of_halt(halt: Halt) -> Self {
        match halt {
            Halt::Stopped | Halt::CallOver => Self::Cancelled,
            Halt::Draining => Self::Answered(Answer::Error(ErrorCode::ShuttingDown.number())),
            Halt::Unsent | Halt::Disconnected => Self::Disconnected,
        }
    }
}

impl From<End> for CallOutcome {
    fn from(end: End) -> Self {
        match end {
            End::Answered(Answer::Result) => Self::Ok,
            End::Answered(Answer::Error(code)) => Self::Error(code),
            End::Undecodable => Self::Undecodable,
            End::Cancelled => Self::Cancelled,
            End::TimedOut => Self::TimedOut,
            End::Disconnected => Self::Disconnected,
        }
    }
}

/// The text for spans and the log.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(Answer::Result) => f.write_str("ok"),
            Self::Answered(Answer::Error(code)) => code.fmt(f),
            Self::Undecodable => f.write_str("undecodable"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::TimedOut => f.write_str("timed_out"),
            Self::Disconnected => f.write_str("disconnected"),
        }
    }
}

impl ObservedServed {
    /// An incoming call, observed from its admission on.
    pub(crate) fn served(
        connection: u64,
        meters: &Meters,
        (method, label): (&str, &Arc<str>),
        id: Option<&Id>,
    ) -> Self {
        let (span, meter) = (CallSpan::served(connection, method, id), CallMeter::served(meters, label));
        Self { span, meter, watched: () }
    }

    pub(crate) fn end(self, end: End) {
        self.span.end(end);
        self.meter.end(end);
    }
}

impl Observed {
    /// An outgoing call, observed from its first poll on.
    pub(crate) fn called<'a>(
        connection: u64,
        (meters, inspected): (&Meters, &Inspected),
        method: impl Fn() -> Cow<'a, str>,
    ) -> Self {
        Self {
            span: CallSpan::called(connection, &method),
            meter: CallMeter::called(meters, &method),
            watched: WatchedCall::called(inspected, connection, &method),
        }
    }

    /// Records the id of an outgoing call.
    pub(crate) fn numbered(&self, id: u64) {
        self.span.numbered(id);
        self.watched.numbered(id);
    }

    /// The result of an outgoing call is a stream, which begins.
    pub(crate) fn streams(&self) {
        self.watched.streams();
    }

    pub(crate) fn end(self, end: End) {
        self.span.end(end);
        self.meter.end(end);
        self.watched.end(|| end.into());
    }
}

impl<W> Observed<W> {
    /// The call has streams, whose items its span counts.
    pub(crate) fn watch(&mut self, items: &CallItems) {
        self.span.watch(items);
    }

    /// Runs a part of the call within its span.
    pub(crate) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
        self.span.within(run)
    }
}

#[cfg(all(test, not(any(feature = "inspector", feature = "metrics", feature = "tracing"))))]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_watches_costs_nothing() {
        assert_eq!((size_of::<Observed>(), size_of::<ConnectionMeter>(), size_of::<Meters>()), (0, 0, 0));
    }
}
