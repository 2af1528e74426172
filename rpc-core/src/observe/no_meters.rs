//! No metrics: the feature `metrics` is off.

use std::sync::Arc;
use std::time::Duration;

use super::End;
use crate::transport::Progress;

pub(super) struct CallMeter;

impl CallMeter {
    pub(super) fn served(_method: &Arc<str>) -> Self {
        Self
    }

    pub(super) fn called(_method: &impl Fn() -> String) -> Self {
        Self
    }

    pub(super) fn end(self, _end: End) {}
}

pub(crate) fn count_refused(_method: Option<&Arc<str>>, _code: i64) {}

pub(crate) struct ConnectionMeter;

impl ConnectionMeter {
    pub(crate) fn begin() -> Self {
        Self
    }

    pub(crate) fn turn(&mut self, _progress: Progress, _queued_bytes: impl FnOnce() -> usize) {}

    pub(crate) fn round_trip(&self, _round_trip: Duration) {}
}
