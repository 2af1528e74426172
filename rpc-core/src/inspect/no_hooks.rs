//! No inspector: the feature `inspector` is off.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::{CallOutcome, OpenCall};
use crate::redact::Direction;
use crate::transport::Frame;

/// The place where those who inspect a server would meet its connections.
#[derive(Clone, Debug, Default)]
pub struct Inspection(());

#[derive(Clone, Default)]
pub(crate) struct Inspected(());

impl Inspected {
    pub(crate) fn at(_inspection: &Inspection) -> Self {
        Self(())
    }

    pub(crate) fn frame(&self, _connection: u64, _direction: Direction, _frame: &Frame) {}

    pub(crate) fn refused(&self, _connection: u64, _method: &str, _code: i64) {}
}

#[derive(Default)]
pub(crate) struct WatchedCall(());

impl WatchedCall {
    pub(crate) fn served(_inspected: &Inspected, _connection: u64, _method: &Arc<str>) -> Self {
        Self(())
    }

    pub(crate) fn called<'a>(
        _inspected: &Inspected,
        _connection: u64,
        _method: &impl Fn() -> Cow<'a, str>,
    ) -> Self {
        Self(())
    }

    pub(crate) fn numbered(&self, _id: u64) {}

    pub(crate) fn streams(&self) {}

    pub(crate) fn end(&self, _outcome: impl FnOnce() -> CallOutcome) {}
}

#[derive(Default)]
pub(crate) struct Since(());

impl Since {
    pub(crate) fn begin(&self) {}

    pub(crate) fn now() -> Self {
        Self(())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

#[derive(Default)]
pub(crate) struct CallListRequests(());

impl CallListRequests {
    pub(crate) fn answer(&self, _list: impl FnOnce() -> Vec<OpenCall>) {}
}
