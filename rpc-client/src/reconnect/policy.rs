//! After what a client connects again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use birpc_core::CloseReason;

use super::Reconnect;
use crate::error::ConnectError;

/// What follows the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    StayClosed,
    Reconnect,
    /// With every other client of the same server: not at once.
    ReconnectSpread,
}

impl Reconnect {
    pub(super) fn after(&self, reason: &CloseReason) -> Next {
        match reason.code {
            1006 | 1011 => Next::Reconnect,
            1001 | 1012 | 1013 => Next::ReconnectSpread,
            3001..=4999 if self.wants(reason) => Next::Reconnect,
            _ => Next::StayClosed,
        }
    }

    fn wants(&self, reason: &CloseReason) -> bool {
        let Some(when) = &self.when else { return false };
        catch_unwind(AssertUnwindSafe(|| when(reason))).unwrap_or_else(|_| {
            tracing::error!("the decision whether to reconnect panicked");
            false
        })
    }
}

/// Whether the next attempt may go better. What is wrong with the URL, the headers, a certificate or who may
/// connect stays wrong.
pub(super) fn may_pass(error: &ConnectError) -> bool {
    match error {
        ConnectError::Io { .. } | ConnectError::TimedOut { .. } => true,
        ConnectError::Refused { status, .. } => matches!(status, 408 | 429 | 500..=599),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use super::*;

    fn refused(status: u16) -> ConnectError {
        ConnectError::Refused { status, body: String::new() }
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        let address = || "localhost:1".to_owned();
        let io = ConnectError::Io { address: address(), source: io::ErrorKind::ConnectionRefused.into() };
        let late = ConnectError::TimedOut { address: address(), after: Duration::ZERO };
        assert!(may_pass(&io) && may_pass(&late));
        assert!([408, 429, 500, 502, 503, 599].into_iter().all(|status| may_pass(&refused(status))));
    }

    #[test]
    fn what_stays_wrong_is_not() {
        assert!(![200, 301, 400, 401, 403, 404, 426].into_iter().any(|status| may_pass(&refused(status))));
        let url = ConnectError::Url { url: "x".into(), why: "y".into() };
        assert!(![url, ConnectError::Handshake("z".into())].iter().any(may_pass));
    }
}
