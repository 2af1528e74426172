//! Open calls: warnings about those that stay open, and the list for those who inspect the connection.

use std::sync::Arc;

use crate::inspect::{OpenCall, OpenCallState, shown_id};
use crate::served_call::ServedCall;
use crate::served_streams::ServedStreams;
use crate::shared_state::SharedState;

/// A call that has been seen this many times has been open for at least [`crate::Config::warn_open_after`].
/// The interval between looks is that time divided by the number of intervals between the first and the last
/// look.
pub(super) const LOOKS: u8 = 3;

/// The number of calls that one look logs, each in its own line.
const MOST: usize = 8;

/// The number of calls in a list, the oldest ones.
pub(super) const MAX_LISTED: usize = 100;

/// Lists calls. Each is given with whether it waits for its turn.
pub(super) fn list<'c>(calls: impl Iterator<Item = (&'c Arc<ServedCall>, bool)>) -> Vec<OpenCall> {
    let mut calls: Vec<_> = calls.map(|(call, parked)| (call.since().elapsed(), call, parked)).collect();
    calls.sort_unstable_by_key(|(age, ..)| std::cmp::Reverse(*age));
    calls.truncate(MAX_LISTED);
    let listed = calls.into_iter().map(|(age, call, parked)| OpenCall {
        method: call.method.clone(),
        id: call.id.as_ref().map(shown_id),
        age,
        state: match (parked, call.awaits_peer()) {
            (true, _) => OpenCallState::Waits,
            _ if call.streams().is_some_and(ServedStreams::is_producing) => OpenCallState::Streams,
            (_, true) => OpenCallState::AwaitsPeer,
            (_, false) => OpenCallState::Runs,
        },
    });
    listed.collect()
}

/// Warns of calls that have been open for [`crate::Config::warn_open_after`], and says of each whether it
/// waits for its turn.
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
            remote_addr = shared.info().remote_addr_field(),
            method = &*call.method,
            id = call.id.as_ref().map(|id| display(id.excerpt())),
            state,
            after = ?shared.config().warn_open_after.unwrap_or_default(),
            "a call has been open for a long time (warn_open_after)"
        );
    }
    if more > 0 {
        tracing::warn!(
            connection = shared.id(),
            remote_addr = shared.info().remote_addr_field(),
            more,
            "further calls have been open for a long time (warn_open_after)"
        );
    }
}
