//! What a connection's log has told once of its peer.

use std::fmt::Display;
use std::sync::atomic::{AtomicU8, Ordering};

use super::SharedState;
use crate::excerpt::excerpt;

/// Characters of a method's name and of an error in the log.
const MAX_METHOD: usize = 100;
const MAX_ERROR: usize = 300;

/// Something that a peer does although nobody answers it, so that only a log can tell. It is told at WARN
/// once for each connection, since a peer may do it with each message, and then at DEBUG.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Oddity {
    /// A notification whose params do not decode.
    WrongParams = 1,
    /// A notification of a method that is not served.
    UnknownMethod = 1 << 1,
    /// A response with an id that no call of this side had.
    UnknownResponse = 1 << 2,
    /// A notification was dropped for a limit.
    Limit = 1 << 3,
    /// It read too slowly for a broadcast, and missed it.
    MissedBroadcast = 1 << 4,
    /// A message that is none of JSON-RPC came while too many waited for the hook.
    OtherMessage = 1 << 5,
    /// A notification was dropped by a rate limit.
    RateLimit = 1 << 6,
}

/// Logs that a notification was dropped: at WARN the first time for this reason, then at DEBUG.
pub(crate) fn warn_dropped(shared: &SharedState, oddity: Oddity, method: &str, error: &dyn Display) {
    if !shared.log_once.first(oddity) {
        return debug_dropped(shared, method, error);
    }
    let (method, error) = (excerpt(method, MAX_METHOD), excerpt(&error.to_string(), MAX_ERROR));
    tracing::warn!(
        connection = shared.id,
        remote_addr = shared.remote_addr(),
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
    /// Notes that the peer did this; `true` the first time.
    pub(crate) fn first(&self, oddity: Oddity) -> bool {
        let bit = oddity as u8;
        self.0.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}
