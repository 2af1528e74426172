//! The streams of calls: how many items they have moved, and how they ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::meters::{Meters, StreamMeter, called_label};
use super::{Direction, End};
use crate::message::{Answer, ErrorCode, Totals};

/// The numbers of items that the streams of one call have moved, for the call's span. A clone counts for the
/// same call.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallItems(Arc<Items>);

#[derive(Debug, Default)]
struct Items {
    /// The name of the call's method, as a label.
    method: Arc<str>,
    sent: AtomicU64,
    received: AtomicU64,
}

impl CallItems {
    /// For a call of the peer.
    pub(crate) fn served(method: &Arc<str>) -> Self {
        Self::of(method.clone())
    }

    /// For a call of ours.
    pub(crate) fn called(method: &str) -> Self {
        Self::of(called_label(method))
    }

    fn of(method: Arc<str>) -> Self {
        Self(Arc::new(Items { method, sent: AtomicU64::new(0), received: AtomicU64::new(0) }))
    }

    /// The name of the method, as a label.
    pub(crate) fn method(&self) -> &str {
        &self.0.method
    }

    /// The items that this side has sent.
    #[cfg_attr(not(feature = "tracing"), allow(dead_code))]
    pub(super) fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// The items that this side has consumed.
    #[cfg_attr(not(feature = "tracing"), allow(dead_code))]
    pub(super) fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// A stream of the call that this side produces.
    pub(crate) fn produced(&self, meters: &Meters) -> ObservedStream {
        self.open(Direction::Out, meters)
    }

    /// A stream of the call that this side consumes.
    pub(crate) fn consumed(&self, meters: &Meters) -> ObservedStream {
        self.open(Direction::In, meters)
    }

    fn open(&self, direction: Direction, meters: &Meters) -> ObservedStream {
        let meter = StreamMeter::open(meters, &self.0.method, direction);
        ObservedStream { call: self.clone(), direction, meter, moved: Totals::default(), end: None }
    }
}

/// A stream that is open. If it is dropped before its end is reported, it counts as cancelled, or as failed
/// if its producer panics.
#[derive(Debug)]
pub(crate) struct ObservedStream {
    call: CallItems,
    direction: Direction,
    meter: StreamMeter,
    /// What has moved since the last report.
    moved: Totals,
    end: Option<End>,
}

impl ObservedStream {
    /// The name of the call's method, as a label.
    pub(crate) fn method(&self) -> &str {
        self.call.method()
    }

    /// Counts items, and their bytes.
    #[inline]
    pub(crate) fn count(&mut self, moved: Totals) {
        self.moved.items += moved.items;
        self.moved.bytes += moved.bytes;
    }

    /// Reports what was counted.
    pub(crate) fn report(&mut self) {
        let moved = std::mem::take(&mut self.moved);
        if moved.items == 0 {
            return;
        }
        let items = match self.direction {
            Direction::In => &self.call.0.received,
            Direction::Out => &self.call.0.sent,
        };
        items.fetch_add(moved.items, Ordering::Relaxed);
        self.meter.count(moved);
    }

    /// Reports that the producer has an item and no credit to send it.
    pub(crate) fn stall(&mut self) {
        self.meter.stall();
    }

    /// Reports that the producer has credit again.
    pub(crate) fn resume(&mut self) {
        self.meter.resume();
    }

    pub(crate) fn end(mut self, end: End) {
        self.set_end(end);
    }

    /// Sets the end that is reported when this is dropped.
    pub(crate) fn set_end(&mut self, end: End) {
        self.end = Some(end);
    }

    /// The counts of the call's items.
    pub(crate) fn items(&self) -> &CallItems {
        &self.call
    }
}

impl Drop for ObservedStream {
    fn drop(&mut self) {
        self.report();
        let unreported = || match std::thread::panicking() {
            true => End::Answered(Answer::Error(ErrorCode::Internal.number())),
            false => End::Cancelled,
        };
        self.meter.end(self.end.unwrap_or_else(unreported));
    }
}
