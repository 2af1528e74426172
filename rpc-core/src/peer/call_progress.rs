//! The additional parts of a call whose caller listens to its progress: the listener, and a timeout that each
//! report resets.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::Peer;
use super::deadline::Deadline;
use crate::excerpt::excerpt;
use crate::message::without_value;
use crate::observe::CallReports;
use crate::progress_listener::Listener;
use crate::shared_state::SharedState;

/// The number of characters of an error in the log.
const MAX_ERROR: usize = 200;

/// A clone shares the function: a layer may send a call more than once.
#[derive(Clone, Default)]
pub(super) struct CallProgress {
    listener: Arc<Mutex<Option<Listener>>>,
    /// Whether there is or was a function; without one every report counts.
    is_heard: bool,
    /// The maximum time of the whole call, if reports reset the timeout.
    total: Option<Duration>,
    /// The end of that time, from the first poll on.
    latest: Option<Instant>,
    /// The id of the call in the tables of its connection.
    entered: Option<u64>,
    /// Counts the reports, from the first try to send the call on.
    counted: Option<CallReports>,
}

impl CallProgress {
    pub(super) fn set_listener(&mut self, listener: Listener) {
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
        self.is_heard = true;
    }

    pub(super) fn set_total(&mut self, total: Duration) {
        self.total = Some(total);
    }

    /// The same for another request of the call.
    pub(super) fn again(&self) -> Self {
        Self { latest: None, entered: None, ..self.clone() }
    }

    /// Starts the timeout of a handle, bounded by the total.
    pub(super) fn begin(&mut self, peer: &Peer) -> Deadline {
        self.latest = self.total.and_then(from_now);
        let at = earlier(peer.timeout.and_then(from_now), self.latest);
        Deadline::at(&peer.current(), at)
    }

    /// Names the method, as which reports are counted.
    pub(super) fn count_as(&mut self, method: impl FnOnce() -> CallReports) {
        self.counted.get_or_insert_with(method);
    }

    /// Records that the call is in the tables of a connection.
    pub(super) fn entered(&mut self, id: u64) {
        self.entered = Some(id);
    }

    /// Passes on the reports that have arrived, and resets the timeout if reports do that.
    pub(super) fn poll(&mut self, shared: &SharedState, timeout: Option<Duration>, deadline: &mut Deadline) {
        let Some(id) = self.entered else { return };
        let is_heard = self.hear(shared.as_progress().take_reports(id), shared);
        if is_heard
            && self.total.is_some()
            && let Some(at) = timeout.and_then(from_now)
        {
            deadline.reset(earlier(Some(at), self.latest).unwrap_or(at));
        }
    }

    /// Handles the end of the call: passes on the reports that arrived before it.
    pub(super) fn end(&mut self, shared: &SharedState) {
        if let Some(id) = self.entered.take() {
            self.hear(shared.as_progress().end_call(id), shared);
        }
    }

    /// Handles that the call is dropped.
    pub(super) fn leave(&mut self, shared: &SharedState) {
        if let Some(id) = self.entered.take() {
            drop(shared.as_progress().end_call(id));
        }
    }

    /// Whether any of the reports counts.
    fn hear(&self, reports: impl ExactSizeIterator<Item = Bytes>, shared: &SharedState) -> bool {
        if let Some(counted) = &self.counted {
            counted.count(reports.len() as u64, shared.meters());
        }
        let mut counts = false;
        for report in reports {
            counts |= self.hear_one(&report, shared);
        }
        counts
    }

    /// The function is taken out while it runs, since it is the application's. If another request of the call
    /// reports at the same time, that report is dropped.
    fn hear_one(&self, report: &[u8], shared: &SharedState) -> bool {
        if !self.is_heard {
            return true;
        }
        let listener = || self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut taken) = listener().take() else { return true };
        let heard = taken.hear(report);
        *listener() = Some(taken);
        if let Err(error) = &heard {
            let (connection, method) = (shared.id(), self.counted.as_ref().map(CallReports::method));
            // serde's error may quote a secret.
            let why = excerpt(&without_value(&error.to_string()), MAX_ERROR);
            tracing::debug!(connection, method, why, "a report of progress is of another type, and ignored");
        }
        heard.is_ok()
    }
}

/// `None` if it is too far for the clock.
fn from_now(duration: Duration) -> Option<Instant> {
    Instant::now().checked_add(duration)
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}
