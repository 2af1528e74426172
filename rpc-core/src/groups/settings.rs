//! The settings of a server's connections, as its groups use them.

use std::time::Duration;

use crate::config::Config;

/// Settings that the connections of a server share.
#[derive(Clone, Copy)]
pub(super) struct Settings {
    /// Maximum size of a message, in bytes.
    pub(super) max_message: usize,
    /// The timeout of calls that have none.
    pub(super) call_timeout: Option<Duration>,
}

impl Settings {
    pub(super) fn of(config: &Config) -> Self {
        Self { max_message: config.limits.max_message_out, call_timeout: config.call_timeout }
    }
}
