//! No metrics: the feature `metrics` is off.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::{Direction, End};
use crate::message::Totals;
use crate::transport::Traffic;

#[derive(Default)]
pub(crate) struct Meters(());

pub(super) struct CallMeter;

impl CallMeter {
    pub(super) fn served(_meters: &Meters, _method: &Arc<str>) -> Self {
        Self
    }

    pub(super) fn called<'a>(_meters: &Meters, _method: &impl Fn() -> Cow<'a, str>) -> Self {
        Self
    }

    pub(super) fn end(self, _end: End) {}
}

pub(crate) fn count_refused(_meters: &Meters, _method: Option<&Arc<str>>, _code: i64) {}

#[derive(Debug)]
pub(super) struct StreamMeter;

impl StreamMeter {
    pub(super) fn open(_meters: &Meters, _method: &Arc<str>, _direction: Direction) -> Self {
        Self
    }

    pub(super) fn count(&self, _moved: Totals) {}

    pub(super) fn stall(&mut self) {}

    pub(super) fn resume(&mut self) {}

    pub(super) fn end(&mut self, _end: End) {}
}

pub(super) fn count_reports(_meters: &Meters, _method: &Arc<str>, _direction: Direction, _number: u64) {}

/// The name of a called method, which the log shows.
pub(super) fn called_label(method: &str) -> Arc<str> {
    crate::excerpt::excerpt(method, MAX_NAME).into()
}

/// The number of characters of a method's name that are kept.
const MAX_NAME: usize = 200;

pub(crate) struct ConnectionMeter;

impl ConnectionMeter {
    pub(crate) fn begin() -> Self {
        Self
    }

    pub(crate) fn turn(&mut self, _traffic: Traffic, _queued_bytes: impl FnOnce() -> usize) {}

    pub(crate) fn round_trip(&self, _round_trip: Duration) {}
}
