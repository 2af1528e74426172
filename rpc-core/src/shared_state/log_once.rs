//! Remembers which warnings about a peer have been logged.

use std::fmt::Display;
use std::sync::atomic::{AtomicU8, Ordering};

use super::SharedState;
use crate::excerpt::excerpt;

/// The number of characters of a method's name and of an error in the log.
const MAX_METHOD: usize = 100;
const MAX_ERROR: usize = 300;

/// An unusual action of a peer that gets no answer, so only the log can mention it. A peer may repeat it with
/// each message, so it is logged at WARN once for each connection, and at DEBUG afterwards.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Oddity {
    /// A notification whose params cannot be decoded.
    WrongParams = 1,
    /// A notification whose method is not served.
    UnknownMethod = 1 << 1,
    /// A response with an id that no outgoing call had.
    UnknownResponse = 1 << 2,
    /// A notification was dropped because of a limit.
    Limit = 1 << 3,
    /// A broadcast was dropped because the peer reads too slowly.
    MissedBroadcast = 1 << 4,
    /// A message that is not JSON-RPC was dropped because too many wait for the hook.
    OtherMessage = 1 << 5,
    /// A rate limit dropped a notification.
    RateLimit = 1 << 6,
    /// A stream has sent more than it may.
    StreamExcess = 1 << 7,
}

/// Logs that a stream has failed because the peer sent more than it may: at WARN the first time, then at
/// DEBUG.
pub(super) fn warn_stream(shared: &SharedState, error: &dyn Display) {
    let (connection, error) = (shared.id, excerpt(&error.to_string(), MAX_ERROR));
    if shared.log_once.first(Oddity::StreamExcess) {
        tracing::warn!(
            connection,
            remote_addr = shared.info().remote_addr_field(),
            error,
            "a stream of the peer exceeded its limit; further ones are logged at debug level"
        );
    } else {
        tracing::debug!(connection, error, "a stream of the peer exceeded its limit");
    }
}

/// Logs that a notification was dropped: at WARN the first time for this reason, then at DEBUG.
pub(crate) fn warn_dropped(shared: &SharedState, oddity: Oddity, method: &str, error: &dyn Display) {
    if !shared.log_once.first(oddity) {
        return debug_dropped(shared, method, error);
    }
    let (method, error) = (excerpt(method, MAX_METHOD), excerpt(&error.to_string(), MAX_ERROR));
    tracing::warn!(
        connection = shared.id,
        remote_addr = shared.info().remote_addr_field(),
        method,
        error,
        "a notification was dropped; further ones dropped for this reason are logged at debug level"
    );
}

/// Logs at DEBUG that a notification was dropped.
pub(crate) fn debug_dropped(shared: &SharedState, method: &str, error: &dyn Display) {
    if tracing::enabled!(tracing::Level::DEBUG) {
        let (method, error) = (excerpt(method, MAX_METHOD), excerpt(&error.to_string(), MAX_ERROR));
        tracing::debug!(connection = shared.id, method, error, "a notification was dropped");
    }
}

#[derive(Default)]
pub(crate) struct LogOnce(AtomicU8);

impl LogOnce {
    /// Records the action; `true` the first time.
    pub(crate) fn first(&self, oddity: Oddity) -> bool {
        let bit = oddity as u8;
        self.0.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}
