//! Counts reports of progress.

use std::sync::Arc;

use super::Direction;
use super::meters::{Meters, called_label, count_reports};

/// Counts a report that is queued for the caller. `method` is the method that a router here serves.
pub(crate) fn count_queued_report(method: &Arc<str>, meters: &Meters) {
    count_reports(meters, method, Direction::Out, 1);
}

/// The reports of a call of ours.
#[derive(Clone, Debug)]
pub(crate) struct CallReports(Arc<str>);

impl CallReports {
    pub(crate) fn called(method: &str) -> Self {
        Self(called_label(method))
    }

    /// The name of the method, as a label.
    pub(crate) fn method(&self) -> &str {
        &self.0
    }

    /// Counts reports that have arrived.
    pub(crate) fn count(&self, number: u64, meters: &Meters) {
        if number > 0 {
            count_reports(meters, &self.0, Direction::In, number);
        }
    }
}
