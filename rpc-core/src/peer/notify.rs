//! A notification, until it is queued.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::Peer;
use super::attempts::{self, Attempts, Opened};
use super::deadline::Deadline;
use super::layer::{Layered, OutgoingCall};
use crate::error::CallError;
use crate::message::{EncodeError, RequestText, within};
use crate::served_call::Wait;
use crate::shared_state::{SharedState, Ticket};

/// A notification that is sent when it is polled. It completes when the message is in the connection's queue,
/// and waits while the queue is full, or while a peer of `birpc.v1` gives no credit. If a client that
/// reconnects has no connection, it waits for one, if it may ([`crate::WhileDown`]). The handle's timeout
/// limits each of these waits ([`CallError::TimedOut`]). A notification that is in the queue of a connection
/// that ends is lost.
///
/// # Cancel safety
/// If it is dropped before it completes, nothing is sent, except what a layer has sent before.
#[must_use = "a notification is sent when it is awaited"]
pub struct Notify {
    /// Keeps a client's connection open.
    peer: Peer,
    frame: Option<Result<Bytes, EncodeError>>,
    /// What is sent is decided by the layers of the handle.
    layered: Option<Box<Layered>>,
    /// Its position in the line of those who wait for room, and the connection of that line.
    ticket: Option<Ticket>,
    waits_at: Option<Arc<SharedState>>,
    /// For a client that reconnects: set from the first poll on.
    attempts: Option<Box<Attempts>>,
    /// Set when it first has to wait.
    deadline: Option<Deadline>,
    /// Set while a handler awaits this.
    wait: Option<Wait>,
}

impl Notify {
    pub(super) fn new(peer: Peer, frame: Result<Bytes, EncodeError>) -> Self {
        Self {
            peer,
            frame: Some(frame),
            layered: None,
            ticket: None,
            waits_at: None,
            attempts: None,
            deadline: None,
            wait: None,
        }
    }

    /// A notification that goes through layers.
    pub(super) fn behind_layers(peer: Peer, layered: Layered) -> Self {
        let mut notify = Self::new(peer, Err(EncodeError::AlreadySent));
        notify.layered = Some(Box::new(layered.into_notification()));
        notify
    }

    /// A notification that a layer passes on: to the next layer, or to the peer.
    pub(super) fn of_layer(call: OutgoingCall) -> Self {
        let peer = Peer { layer: None, ..call.peer().clone() };
        match Layered::behind(call) {
            Ok(layered) => Self::behind_layers(peer, layered),
            Err(call) => Self::new(peer, call.encode().map(RequestText::finish_notification)),
        }
    }

    /// The encoded message, if it may be sent.
    pub(super) fn into_text(mut self) -> Result<Bytes, CallError> {
        self.take_text()
    }

    /// The encoded message, or why it cannot be sent.
    pub(super) fn into_batch(mut self) -> Result<Bytes, EncodeError> {
        self.take_frame()
    }

    /// The encoded message, past the layers.
    fn take_frame(&mut self) -> Result<Bytes, EncodeError> {
        match self.layered.take() {
            Some(mut layered) => layered.take_frame().map(RequestText::finish_notification),
            None => self.frame.take().unwrap_or(Err(EncodeError::AlreadySent)),
        }
    }

    fn take_text(&mut self) -> Result<Bytes, CallError> {
        let limit = self.peer.limits().max_message_out;
        self.take_frame()
            .and_then(|text| within(text.len(), limit).map(|()| text))
            .map_err(CallError::unsendable)
    }
}

impl Notify {
    fn poll_send(&mut self, text: &Bytes, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        if self.attempts.is_none() {
            self.attempts = Attempts::begin(&self.peer);
        }
        let (waits_at, ticket) = (&mut self.waits_at, &mut self.ticket);
        let opened = attempts::open(&self.peer, &mut self.attempts, cx, (), |shared, (), waker| {
            // A position in the line of another connection is useless.
            if let Some(before) = waits_at.take_if(|before| before.id() != shared.id()) {
                before.as_caller().leave(ticket);
            }
            let sent =
                shared.as_caller().send_notification(text, waker, ticket).map_err(|reason| (reason, ()));
            *waits_at = Some(shared);
            sent
        });
        match opened {
            Opened::Open(true) => Poll::Ready(Ok(())),
            Opened::Open(false) | Opened::Down(()) => Poll::Pending,
            Opened::Stopped(stopped) => Poll::Ready(Err(stopped.into())),
        }
    }

    /// Leaves the line of those who wait for room.
    fn leave(&mut self) {
        if let Some(shared) = &self.waits_at {
            shared.as_caller().leave(&mut self.ticket);
        }
    }
}

impl Future for Notify {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(layered) = &mut this.layered {
            let ended = layered.poll(&this.peer, false, false, cx).map(|ended| ended.map(drop));
            match &ended {
                Poll::Pending => this.wait = this.wait.take().or_else(Wait::begin),
                Poll::Ready(_) => (this.layered, this.wait) = (None, None),
            }
            return ended;
        }
        let text = this.take_text()?;
        let mut sent = this.poll_send(&text, cx);
        if sent.is_pending() {
            let deadline = this.deadline.get_or_insert_with(|| Deadline::begin(&this.peer));
            sent = deadline.poll(cx).map(|()| Err(CallError::TimedOut));
        }
        if sent.is_ready() {
            this.leave();
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
        self.leave();
    }
}

impl std::fmt::Debug for Notify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notify").finish_non_exhaustive()
    }
}
