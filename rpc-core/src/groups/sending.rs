//! A notification to many peers, until it is sent.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use super::recipients::Recipients;
use super::sent::{Remote, Sent};
use crate::error::CallError;
use crate::peer::EncodedNotification;

/// A notification to many peers, which is sent when it is first polled. See [`crate::Audience::send`].
#[must_use = "a notification is sent when it is awaited"]
pub struct Sending {
    recipients: Recipients,
    state: State,
}

enum State {
    New(Result<EncodedNotification, CallError>),
    /// The peers of this server have it; it is being passed on to the other servers.
    Publishing(Sent, BoxFuture<'static, Remote>),
    Done,
}

impl Sending {
    pub(super) fn new(recipients: Recipients, notification: Result<EncodedNotification, CallError>) -> Self {
        Self { recipients, state: State::New(notification) }
    }
}

impl Future for Sending {
    type Output = Result<Sent, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (sent, mut publishing) = match std::mem::replace(&mut self.state, State::Done) {
            State::New(notification) => match self.recipients.deliver(&notification?)? {
                (sent, None) => return Poll::Ready(Ok(sent)),
                (sent, Some(publishing)) => (sent, publishing),
            },
            State::Publishing(sent, publishing) => (sent, publishing),
            // If it is polled after its end, it stays pending, as `futures_util::future::Fuse` does.
            State::Done => return Poll::Pending,
        };
        match publishing.as_mut().poll(cx) {
            Poll::Ready(remote) => Poll::Ready(Ok(Sent { remote, ..sent })),
            Poll::Pending => {
                self.state = State::Publishing(sent, publishing);
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("recipients", &self.recipients).finish_non_exhaustive()
    }
}
