//! Warnings of calls that stay open.

use std::sync::Arc;

use crate::served_call::ServedCall;
use crate::shared_state::SharedState;

/// A call that is seen for so many times has been open for at least [`crate::Config::warn_open_after`]: looks
/// are as far apart as the fraction of it that lies between the first and the last.
pub(super) const LOOKS: u8 = 3;

/// Calls that one look warns of, each in a line of its own.
const MOST: usize = 8;

/// Warns of calls that have been open for [`crate::Config::warn_open_after`]; of each, whether it waits its
/// turn.
pub(super) fn warn<'c>(shared: &SharedState, long: impl Iterator<Item = (&'c Arc<ServedCall>, bool)>) {
    let mut more = 0_usize;
    for (index, (call, parked)) in long.enumerate() {
        if index >= MOST {
            more += 1;
            continue;
        }
        let state = match (parked, call.awaits_peer()) {
            (true, _) => "waits its turn",
            (false, true) => "awaits its peer",
            (false, false) => "runs",
        };
        tracing::warn!(
            connection = shared.id(),
            remote_addr = shared.remote_addr(),
            method = &*call.method,
            id = call.id.as_ref().map(|id| display(id.excerpt())),
            state,
            after = ?shared.config().warn_open_after.unwrap_or_default(),
            "a call has been open for long (warn_open_after)"
        );
    }
    if more > 0 {
        tracing::warn!(
            connection = shared.id(),
            remote_addr = shared.remote_addr(),
            more,
            "further calls have been open for long (warn_open_after)"
        );
    }
}
