//! One notification, until it is queued.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::Peer;
use super::attempts::Attempts;
use super::deadline::Deadline;
use crate::error::CallError;
use crate::message::{EncodeError, within};
use crate::served_call::Wait;
use crate::shared_state::{SharedState, Ticket};

/// A notification that is sent when it is polled. It is ready once the message is in the connection's
/// queue, and waits while that is full, for as long as its handle's timeout at most
/// ([`CallError::TimedOut`]). While a client that reconnects has no connection it waits for one, if
/// it may ([`crate::WhileDown`]), for as long as its handle's timeout at most. One that is in the queue of a
/// connection that ends is lost.
///
/// # Cancel safety
/// Dropped before it is ready, it sends nothing.
#[must_use = "a notification is sent when it is awaited"]
pub struct Notify {
    /// Keeps a client's connection open.
    peer: Peer,
    frame: Option<Result<Bytes, EncodeError>>,
    ticket: Option<Ticket>,
    /// Of a notification of a line, from its first poll on.
    attempts: Option<Box<Attempts>>,
    /// From the first time on that it has to wait.
    deadline: Option<Deadline>,
    /// Set while a handler awaits this.
    wait: Option<Wait>,
}

impl Notify {
    pub(super) fn new(peer: Peer, frame: Result<Bytes, EncodeError>) -> Self {
        Self { peer, frame: Some(frame), ticket: None, attempts: None, deadline: None, wait: None }
    }

    /// The message itself, to be sent to many peers.
    #[doc(hidden)]
    pub fn into_text(mut self) -> Result<Bytes, CallError> {
        self.take_text()
    }

    /// The message, or why it cannot be sent.
    pub(super) fn into_batch(mut self) -> Result<Bytes, EncodeError> {
        self.frame.take().unwrap_or(Err(EncodeError::AlreadySent))
    }

    fn take_text(&mut self) -> Result<Bytes, CallError> {
        let frame = self.frame.take().unwrap_or(Err(EncodeError::AlreadySent));
        let limit = self.peer.shared.config.limits.max_message_out;
        frame.and_then(|text| within(text.len(), limit).map(|()| text)).map_err(CallError::unsendable)
    }
}

impl Notify {
    fn poll_send(&mut self, text: &Bytes, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        if self.attempts.is_none() {
            self.attempts = Attempts::begin(&self.peer);
        }
        loop {
            if let Some(attempts) = &mut self.attempts {
                match ready!(attempts.poll_connection(cx)) {
                    Ok(shared) => self.move_to(shared),
                    Err(stopped) => return Poll::Ready(Err(stopped.into())),
                }
            }
            let reason = match self.peer.shared.send_notification(text, cx.waker(), &mut self.ticket) {
                Ok(true) => return Poll::Ready(Ok(())),
                Ok(false) => return Poll::Pending,
                Err(reason) => reason,
            };
            match &mut self.attempts {
                None => return Poll::Ready(Err(CallError::Disconnected { reason, sent: false })),
                Some(attempts) => attempts.note_over(&self.peer.shared),
            }
        }
    }

    /// A place among those who wait for room is worth nothing on another connection.
    fn move_to(&mut self, shared: Arc<SharedState>) {
        if shared.id != self.peer.shared.id {
            self.peer.shared.leave(&mut self.ticket);
            self.peer.shared = shared;
        }
    }
}

impl Future for Notify {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let text = this.take_text()?;
        let mut sent = this.poll_send(&text, cx);
        if sent.is_pending() {
            let deadline = this.deadline.get_or_insert_with(|| Deadline::begin(&this.peer));
            sent = deadline.poll(cx).map(|()| Err(CallError::TimedOut));
        }
        if sent.is_ready() {
            this.peer.shared.leave(&mut this.ticket);
        }
        match sent {
            Poll::Pending => {
                this.frame = Some(Ok(text));
                this.wait = this.wait.take().or_else(Wait::begin);
            }
            Poll::Ready(_) => this.wait = None,
        }
        sent
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        self.peer.shared.leave(&mut self.ticket);
    }
}

impl std::fmt::Debug for Notify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notify").finish_non_exhaustive()
    }
}
