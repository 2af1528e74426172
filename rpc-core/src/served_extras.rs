//! The rare parts of an incoming call: streams, and a caller that listens to its progress.

use crate::message::{Id, Json, ProgressWords};
use crate::served_streams::ServedStreams;
use crate::shared_state::{ReportSlot, SharedState};

/// The streams and the progress of a call that has at least one of them.
pub(crate) struct ServedExtras {
    streams: Option<ServedStreams>,
    progress: Option<ServedProgress>,
}

impl ServedExtras {
    /// `None` if the call has neither.
    pub(crate) fn new(streams: Option<ServedStreams>, progress: Option<ServedProgress>) -> Option<Box<Self>> {
        (streams.is_some() || progress.is_some()).then(|| Box::new(Self { streams, progress }))
    }

    pub(crate) fn streams(&self) -> Option<&ServedStreams> {
        self.streams.as_ref()
    }

    pub(crate) fn progress(&self) -> Option<&ServedProgress> {
        self.progress.as_ref()
    }
}

/// How the progress of a call is reported to its caller.
pub(crate) struct ServedProgress {
    words: ProgressWords,
    token: Id,
    newest: ReportSlot,
    /// The slot of a report that later ones must not replace: in LSP the one that begins.
    first: ReportSlot,
}

impl ServedProgress {
    pub(crate) fn new(words: ProgressWords, token: Id) -> Self {
        Self { words, token, newest: ReportSlot::new(), first: ReportSlot::new() }
    }

    /// The slots in which its reports wait to be sent.
    pub(crate) fn slots(&self) -> [ReportSlot; 2] {
        [self.newest, self.first]
    }

    /// Queues a report, unless the call is over. A report that cannot be sent is dropped and logged, since a
    /// handler has no use for the error. Returns whether one more report is queued.
    pub(crate) fn report(
        &self,
        value: &dyn Json,
        method: &str,
        shared: &SharedState,
        is_over: impl FnOnce() -> bool,
    ) -> bool {
        let limit = shared.config().limits.max_message_out;
        let why = match self.words.report(&self.token, value) {
            Ok(report) if report.text.len() > limit => {
                format!("it has {} bytes; the limit is {limit} (`max_message_out`)", report.text.len())
            }
            Ok(report) => {
                let slot = if report.is_first { self.first } else { self.newest };
                return shared.as_progress().report(slot, report.text, is_over);
            }
            Err(error) => error.to_string(),
        };
        tracing::debug!(connection = shared.id(), method, why, "a report of progress is dropped");
        false
    }
}
