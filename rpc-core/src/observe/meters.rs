//! Counters, gauges and histograms of the `metrics` crate.
//!
//! The values of labels are bounded, whatever a peer sends: a method is one that a router here serves or, of calls
//! that go out, among the first [`MAX_NAMES`] that were called, and short; an error's code is its word, if it is one of the
//! framework's.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Gauge, counter, gauge, histogram};
use tokio::time::Instant;

use super::End;
use crate::message::{Answer, ErrorCode};
use crate::transport::Progress;

/// Names of methods called from here that become labels. An application that passes on what its peers call could
/// be made to use any number.
const MAX_NAMES: usize = 1000;

/// Bytes of such a name; each is kept for as long as the process runs.
const MAX_NAME: usize = 200;

/// The label of a method that has none of its own.
const OTHER: &str = "(other)";

static NAMES: LazyLock<Names> = LazyLock::new(Names::default);

/// Counts its call when it is dropped.
pub(super) struct CallMeter {
    method: Arc<str>,
    direction: &'static str,
    /// The one that was asked for when the call began: a recorder that comes later has not counted it up.
    in_flight: Gauge,
    began: Instant,
    end: End,
}

impl CallMeter {
    pub(super) fn served(method: &Arc<str>) -> Self {
        Self::new(method.clone(), "in")
    }

    pub(super) fn called(method: &impl Fn() -> String) -> Self {
        Self::new(NAMES.bounded(&method()), "out")
    }

    fn new(method: Arc<str>, direction: &'static str) -> Self {
        let in_flight = gauge!("birpc_calls_in_flight", "direction" => direction);
        in_flight.increment(1);
        Self { method, direction, in_flight, began: Instant::now(), end: End::Cancelled }
    }

    pub(super) fn end(mut self, end: End) {
        self.end = end;
    }
}

impl Drop for CallMeter {
    fn drop(&mut self) {
        self.in_flight.decrement(1);
        let method = self.method.clone();
        histogram!("birpc_call_duration_seconds", "method" => method, "direction" => self.direction)
            .record(self.began.elapsed());
        count(self.method.clone(), self.direction, outcome(self.end));
    }
}

/// Counts a call of the peer that was refused before it was one; `None`: no method of ours.
pub(crate) fn count_refused(method: Option<&Arc<str>>, code: i64) {
    let method = method.map_or_else(|| OTHER.into(), Arc::clone);
    count(method, "in", outcome(End::Answered(Answer::Error(code))));
}

fn count(method: Arc<str>, direction: &'static str, outcome: &'static str) {
    counter!("birpc_calls_total", "method" => method, "direction" => direction, "outcome" => outcome)
        .increment(1);
}

fn outcome(end: End) -> &'static str {
    match end {
        End::Answered(Answer::Result) => "ok",
        End::Answered(Answer::Error(code)) => ErrorCode::from_number(code).map_or("error", ErrorCode::kind),
        End::Undecodable => "undecodable",
        End::Cancelled => "cancelled",
        End::TimedOut => "timed_out",
        End::Disconnected => "disconnected",
    }
}

/// The names of methods that are called from here, as labels.
#[derive(Default)]
struct Names(RwLock<HashSet<Arc<str>>>);

impl Names {
    fn bounded(&self, method: &str) -> Arc<str> {
        if method.len() > MAX_NAME {
            return OTHER.into();
        }
        if let Some(name) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(method) {
            return name.clone();
        }
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MAX_NAMES {
            return OTHER.into();
        }
        let name: Arc<str> = method.into();
        names.insert(name.clone());
        name
    }
}

/// What a connection moves, told once a turn. The recorder is asked for when the connection begins.
pub(crate) struct ConnectionMeter {
    connections: Gauge,
    received: Counter,
    sent: Counter,
    queued: Gauge,
    /// What has been told.
    progress: Progress,
    queued_bytes: usize,
}

impl ConnectionMeter {
    pub(crate) fn begin() -> Self {
        let connections = gauge!("birpc_connections");
        connections.increment(1);
        Self {
            connections,
            received: counter!("birpc_received_bytes_total"),
            sent: counter!("birpc_sent_bytes_total"),
            queued: gauge!("birpc_queued_bytes"),
            progress: Progress::default(),
            queued_bytes: 0,
        }
    }

    pub(crate) fn turn(&mut self, progress: Progress, queued_bytes: impl FnOnce() -> usize) {
        self.received.increment(progress.received.saturating_sub(self.progress.received));
        self.sent.increment(progress.sent.saturating_sub(self.progress.sent));
        self.progress = progress;
        let queued_bytes = queued_bytes();
        // A gauge of all connections, of which this one adds its share.
        self.queued.increment(queued_bytes as f64 - self.queued_bytes as f64);
        self.queued_bytes = queued_bytes;
    }

    pub(crate) fn round_trip(&self, round_trip: Duration) {
        histogram!("birpc_round_trip_seconds").record(round_trip);
    }
}

impl Drop for ConnectionMeter {
    fn drop(&mut self) {
        self.connections.decrement(1);
        self.queued.decrement(self.queued_bytes as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // An application that passes calls on may be made to call any name.
    #[test]
    fn names_that_become_labels_are_bounded() {
        let names = Names::default();
        for n in 0..MAX_NAMES {
            assert_eq!(&*names.bounded(&format!("relayed{n}")), format!("relayed{n}"));
        }
        assert_eq!(&*names.bounded("one more"), OTHER);
        assert_eq!(&*Names::default().bounded(&"x".repeat(MAX_NAME + 1)), OTHER);
        assert_eq!(&*names.bounded("relayed0"), "relayed0");
        assert_eq!(names.0.read().map(|names| names.len()).ok(), Some(MAX_NAMES));
    }
}
