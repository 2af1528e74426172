//! One notification, until it is queued.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::error::CallError;
use crate::link::{Link, Outgoing};
use crate::message::EncodeError;

/// A notification that is sent when it is polled. It is ready once the message is in the connection's
/// queue, and waits while that is full.
///
/// # Cancel safety
/// Dropped before it is ready, it sends nothing.
#[must_use = "a notification is sent when it is awaited"]
pub struct Notify {
    link: Arc<Link>,
    frame: Option<Result<Bytes, EncodeError>>,
    room: Option<usize>,
}

impl Notify {
    pub(super) fn new(link: Arc<Link>, frame: Result<Bytes, EncodeError>) -> Self {
        Self { link, frame: Some(frame), room: None }
    }

    /// The message itself, to be sent to many peers.
    #[doc(hidden)]
    pub fn into_text(mut self) -> Result<Bytes, CallError> {
        self.take_text()
    }

    fn take_text(&mut self) -> Result<Bytes, CallError> {
        let frame = self.frame.take().unwrap_or(Err(EncodeError::AlreadySent));
        let limit = self.link.config.limits.max_message_out;
        match frame {
            Ok(text) if text.len() <= limit => Ok(text),
            Ok(text) => Err(EncodeError::TooLarge { size: text.len(), limit }),
            Err(error) => Err(error),
        }
        .map_err(|error| CallError::Unsendable(error.to_string()))
    }
}

impl Future for Notify {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let text = this.take_text()?;
        match this.link.queue_when_room(cx.waker(), &mut this.room, || Outgoing::Frame(text.clone())) {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => {
                this.frame = Some(Ok(text));
                Poll::Pending
            }
            Err(reason) => Poll::Ready(Err(CallError::Disconnected { reason, sent: false })),
        }
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        self.link.leave_room(&mut self.room);
    }
}

impl std::fmt::Debug for Notify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notify").finish_non_exhaustive()
    }
}
