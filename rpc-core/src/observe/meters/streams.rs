//! The metrics of streams.

use std::fmt;
use std::sync::{Arc, OnceLock};

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use tokio::time::Instant;

use super::super::{Direction, End};
use super::Meters;
use super::handles::{Outcome, RecorderId};
use crate::message::Totals;

/// The metrics of the streams of one method in one direction.
pub(super) struct StreamHandles {
    method: Arc<str>,
    direction: &'static str,
    open: Gauge,
    items: Counter,
    bytes: Counter,
    /// Made for the first stall, so that methods whose streams never stall have no series.
    stalls: OnceLock<(Counter, Histogram)>,
}

impl StreamHandles {
    /// Makes the handles of the current recorder.
    pub(super) fn new(method: Arc<str>, direction: &'static str) -> Self {
        let label = || method.clone();
        Self {
            open: gauge!("birpc_streams_open", "direction" => direction),
            items: counter!("birpc_stream_items_total", "method" => label(), "direction" => direction),
            bytes: counter!("birpc_stream_bytes_total", "method" => label(), "direction" => direction),
            stalls: OnceLock::new(),
            method,
            direction,
        }
    }

    fn stalls(&self) -> &(Counter, Histogram) {
        self.stalls.get_or_init(|| {
            let label = || self.method.clone();
            let stalls = counter!("birpc_stream_stalls_total", "method" => label());
            (stalls, histogram!("birpc_stream_stall_seconds", "method" => label()))
        })
    }

    /// Counts an end. Its counter is looked up each time, since a stream ends only once.
    fn count_end(&self, outcome: Outcome) {
        let (method, direction) = (self.method.clone(), self.direction);
        let outcome = outcome.label();
        counter!("birpc_streams_total", "method" => method, "direction" => direction, "outcome" => outcome)
            .increment(1);
    }
}

/// Measures a stream, if there is a recorder when the stream opens.
pub(in crate::observe) struct StreamMeter {
    handles: Option<Arc<StreamHandles>>,
    stalled: Option<Instant>,
}

impl StreamMeter {
    pub(in crate::observe) fn open(meters: &Meters, method: &Arc<str>, direction: Direction) -> Self {
        let handles = meters.with(RecorderId::current(), |kept| kept.streams(method, direction));
        if let Some(handles) = &handles {
            handles.open.increment(1);
        }
        Self { handles, stalled: None }
    }

    pub(in crate::observe) fn count(&self, moved: Totals) {
        if let Some(handles) = &self.handles {
            handles.items.increment(moved.items);
            handles.bytes.increment(moved.bytes);
        }
    }

    pub(in crate::observe) fn stall(&mut self) {
        if let (Some(handles), None) = (&self.handles, self.stalled) {
            handles.stalls().0.increment(1);
            self.stalled = Some(Instant::now());
        }
    }

    pub(in crate::observe) fn resume(&mut self) {
        if let (Some(handles), Some(since)) = (&self.handles, self.stalled.take()) {
            handles.stalls().1.record(since.elapsed());
        }
    }

    pub(in crate::observe) fn end(&mut self, end: End) {
        self.resume();
        if let Some(handles) = &self.handles {
            handles.open.decrement(1);
            handles.count_end(Outcome::of(end));
        }
    }
}

impl fmt::Debug for StreamMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamMeter").field("stalled", &self.stalled).finish_non_exhaustive()
    }
}
