//! Decides when a client reconnects.

use std::sync::Arc;

use birpc_core::CloseReason;

use super::Reconnect;
use crate::error::ConnectError;
use crate::own_task::in_own_task;

/// Why a client may reconnect; see [`Reconnect::when`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ReconnectCause<'a> {
    /// A connection that was up has ended.
    Closed(&'a CloseReason),
    /// An attempt to connect has failed.
    Failed(&'a ConnectError),
}

impl ReconnectCause<'_> {
    /// The close code, if a connection has ended.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        match self {
            Self::Closed(reason) => Some(reason.code),
            Self::Failed(_) => None,
        }
    }

    /// The HTTP status, if the server refused an attempt.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Failed(ConnectError::Refused { status, .. }) => Some(*status),
            _ => None,
        }
    }
}

/// A [`ReconnectCause`] that can be moved into a task.
enum Cause {
    Closed(CloseReason),
    Failed(Arc<ConnectError>),
}

/// What follows the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    StayClosed,
    Reconnect,
    /// Reconnects after a random delay, since all other clients of the server reconnect too.
    ReconnectSpread,
}

impl Reconnect {
    /// Decides what follows the end of a connection that was up. The table in docs/protocol.md has the
    /// reasons.
    pub(super) async fn after(&self, reason: &CloseReason) -> Next {
        let default = match reason.code {
            1006 | 1011 => Next::Reconnect,
            1001 | 1012 | 1013 => Next::ReconnectSpread,
            _ => Next::StayClosed,
        };
        let again = self.wants(Cause::Closed(reason.clone()), default != Next::StayClosed).await;
        match (again, default) {
            (false, _) => Next::StayClosed,
            (true, Next::StayClosed) => Next::Reconnect,
            (true, next) => next,
        }
    }

    /// Decides whether another attempt follows a failed one. A connection was up before, so URL, certificate
    /// and credentials were correct, and the failure may be temporary.
    pub(super) async fn tries_again(&self, error: &Arc<ConnectError>) -> bool {
        self.wants(Cause::Failed(error.clone()), true).await
    }

    async fn wants(&self, cause: Cause, default: bool) -> bool {
        let Some(when) = self.when.clone() else { return default };
        let decided = in_own_task("the hook `Reconnect::when` panicked; its default applies", async move {
            match &cause {
                Cause::Closed(reason) => when(ReconnectCause::Closed(reason), default),
                Cause::Failed(error) => when(ReconnectCause::Failed(error), default),
            }
        });
        decided.await.unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn refused(status: u16) -> Arc<ConnectError> {
        Arc::new(ConnectError::Refused { status, headers: Box::default(), body: String::new() })
    }

    #[tokio::test]
    async fn every_failure_may_pass() {
        let io = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let errors = [
            ConnectError::Io { address: "localhost:1".into(), source: io() },
            ConnectError::Handshake("z".into()),
            ConnectError::Url { url: "x".into(), why: "y".into() },
            ConnectError::BeforeAttempt("no token".into()),
        ]
        .map(Arc::new);
        let statuses = [200, 302, 400, 401, 403, 404, 408, 426, 429, 500, 503].map(refused);
        let reconnect = Reconnect::default();
        for error in errors.iter().chain(&statuses) {
            assert!(reconnect.tries_again(error).await, "{error}");
        }
    }

    #[tokio::test]
    async fn the_application_decides_on_failures_too() {
        let reconnect = Reconnect::default().when(|cause, default| {
            assert!(default && cause.close_code().is_none());
            cause.status() != Some(401)
        });
        assert!(reconnect.tries_again(&refused(403)).await && !reconnect.tries_again(&refused(401)).await);
        let panics = Reconnect::default().when(|_, _| panic!("on purpose"));
        assert!(panics.tries_again(&refused(401)).await);
    }
}
