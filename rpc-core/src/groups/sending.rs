//! A notification to many peers, until it is sent.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::recipients::Recipients;
use super::sent::Sent;
use crate::error::CallError;
use crate::peer::EncodedNotification;

/// A notification to many peers, which is sent when it is polled. See [`crate::Audience::send`].
#[must_use = "a notification is sent when it is awaited"]
pub struct Sending {
    recipients: Recipients,
    /// `None` once it was sent.
    notification: Option<Result<EncodedNotification, CallError>>,
}

impl Sending {
    pub(super) fn new(recipients: Recipients, notification: Result<EncodedNotification, CallError>) -> Self {
        Self { recipients, notification: Some(notification) }
    }
}

impl Future for Sending {
    type Output = Result<Sent, CallError>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        // If it is polled after its end, it stays pending, as `futures_util::future::Fuse` does.
        let Some(notification) = self.notification.take() else { return Poll::Pending };
        Poll::Ready(notification.and_then(|notification| self.recipients.deliver(&notification)))
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("recipients", &self.recipients).finish_non_exhaustive()
    }
}
