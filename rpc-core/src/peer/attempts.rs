//! What a call or a notification keeps from one connection of its client to the next.

use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::time::Instant;

use super::Peer;
use super::deadline::Deadline;
use crate::close::CloseReason;
use crate::error::CallError;
use crate::message::{ErrorObject, RequestText};
use crate::multiplexer::Outcome;
use crate::reconnecting::{QueuePosition, Reconnecting, WaiterId};
use crate::shared_state::SharedState;

/// How often a call is sent in all: one that ends its server must not go on to the next for ever.
const MAX_SENDS: u8 = 5;

/// What the copy of a request costs beyond its text.
const COPY_OVERHEAD: usize = 64;

pub(super) struct Attempts {
    pub(super) reconnecting: Arc<Reconnecting>,
    position: QueuePosition,
    /// Made when it first waits only for so long.
    patience: Option<Deadline>,
    /// The request, in case that it has to be sent again, and the bytes that are counted for it.
    request: Option<(RequestText, usize)>,
    idempotent: bool,
    /// How often the request has been handed to a socket.
    sends: u8,
    /// Whether an earlier connection had sent it, and may have served it.
    sent: bool,
    /// Set while it waits for the end of a connection whose peer refused it.
    refused: Option<Refused>,
}

/// A refusal by a peer that shuts down.
struct Refused {
    error: Box<ErrorObject>,
    /// The connection, which the peer is to close, and until when it has to.
    shared: Arc<SharedState>,
    until: Instant,
}

/// Why there is no connection to send over.
pub(super) enum Stopped {
    /// The peer shuts down, and no other connection came in time.
    Refused(Box<ErrorObject>),
    /// The client has ended, or nothing waits for its next connection. `sent`: an earlier one had sent it.
    Down { reason: CloseReason, sent: bool },
}

/// What became of a message that was to be given to a connection.
pub(super) enum Opened<M, O> {
    /// A connection has taken it.
    Open(O),
    /// It waits for the next connection.
    Down(M),
    Stopped(Stopped),
}

/// Gives a message to the connection of a handle. With `attempts`, those of a client that reconnects, to the
/// one that is up: if that turns out to have ended, to the next. `send` gives the message back if its
/// connection has ended.
pub(super) fn open<M, O>(
    peer: &Peer,
    attempts: &mut Option<Box<Attempts>>,
    cx: &mut Context<'_>,
    mut message: M,
    mut send: impl FnMut(Arc<SharedState>, M, &Waker) -> Result<O, (CloseReason, M)>,
) -> Opened<M, O> {
    let Some(attempts) = attempts else {
        return match send(peer.current(), message, cx.waker()) {
            Ok(opened) => Opened::Open(opened),
            Err((reason, _)) => Opened::Stopped(Stopped::Down { reason, sent: false }),
        };
    };
    loop {
        let shared = match attempts.poll_connection(cx) {
            Poll::Ready(Ok(shared)) => shared,
            Poll::Ready(Err(stopped)) => return Opened::Stopped(stopped),
            Poll::Pending => return Opened::Down(message),
        };
        match send(shared.clone(), message, cx.waker()) {
            Ok(opened) => return Opened::Open(opened),
            Err((_, back)) => {
                attempts.note_over(&shared);
                message = back;
            }
        }
    }
}

impl<E> From<Stopped> for CallError<E> {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Refused(error) => Self::Rpc(*error),
            Stopped::Down { reason, sent } => Self::Disconnected { reason, sent },
        }
    }
}

impl Attempts {
    /// `None` unless the peer is a client that reconnects.
    pub(super) fn begin(peer: &Peer) -> Option<Box<Self>> {
        Some(Box::new(Self::new(peer.endpoint.reconnecting()?.clone())))
    }

    fn new(reconnecting: Arc<Reconnecting>) -> Self {
        Self {
            reconnecting,
            position: QueuePosition::default(),
            patience: None,
            request: None,
            idempotent: false,
            sends: 0,
            sent: false,
            refused: None,
        }
    }

    /// Keeps the request, if it may have to be sent again: it is idempotent, or calls wait for the next
    /// connection and the server may refuse it because it shuts down. Without room for the copy it is sent
    /// once.
    pub(super) fn keep(&mut self, request: &RequestText, idempotent: bool) {
        self.idempotent = idempotent;
        let bytes = request.len() + COPY_OVERHEAD;
        if (idempotent || self.reconnecting.lets_wait()) && self.reconnecting.keep(bytes) {
            self.request = Some((request.clone(), bytes));
        }
    }

    /// The request for the next connection, if this is how the call ended on the last, and it was not served
    /// or may be twice. `sent`: whether it had been handed to the socket; `unsent` is that of a call that was
    /// not.
    pub(super) fn again(
        &mut self,
        shared: &Arc<SharedState>,
        outcome: &Outcome,
        sent: bool,
        unsent: Option<RequestText>,
    ) -> Option<RequestText> {
        self.sends += u8::from(sent);
        match outcome {
            Outcome::Disconnected => {
                self.sent |= sent;
                unsent.or_else(|| self.copy().filter(|_| self.idempotent))
            }
            // Nothing else says that the method has not run.
            Outcome::Error(error) if error.is_refused_by_shutdown() && self.reconnecting.lets_wait() => {
                let request = self.copy()?;
                let until = Instant::now().checked_add(shared.config().limits.close_timeout);
                self.refused =
                    until.map(|until| Refused { error: error.clone(), shared: shared.clone(), until });
                Some(request)
            }
            _ => None,
        }
    }

    /// The request once more, unless it has been sent often enough.
    fn copy(&self) -> Option<RequestText> {
        let (request, _) = self.request.as_ref().filter(|_| self.sends < MAX_SENDS)?;
        Some(request.clone())
    }

    /// The connection that is up; waits for one while the client is down and lets it.
    fn poll_connection(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arc<SharedState>, Stopped>> {
        if let Poll::Ready(found) = self.reconnecting.poll_connection(&mut self.position, cx.waker()) {
            self.patience = None;
            let (refused, sent) = (self.refused.take(), self.sent);
            return Poll::Ready(found.map_err(|reason| match refused {
                Some(refused) => Stopped::Refused(refused.error),
                None => Stopped::Down { reason, sent },
            }));
        }
        let Some(refused) = &self.refused else { return Poll::Pending };
        let patience =
            self.patience.get_or_insert_with(|| Deadline::at(&refused.shared, Some(refused.until)));
        ready!(patience.poll(cx));
        self.patience = None;
        match self.refused.take() {
            Some(refused) if refused.shared.ending().is_none() => {
                self.leave();
                Poll::Ready(Err(Stopped::Refused(refused.error)))
            }
            // The connection has ended meanwhile: now it waits for the next, as any call does.
            _ => Poll::Pending,
        }
    }

    /// Notes that a connection is over, which the client may not know yet.
    pub(super) fn note_over(&mut self, shared: &SharedState) {
        self.position.over = Some(shared.id());
    }

    /// Where it waits.
    pub(super) fn position(&self) -> Option<WaiterId> {
        self.position.id
    }

    /// Waits no more.
    pub(super) fn leave(&mut self) {
        self.reconnecting.leave(&mut self.position);
    }
}

impl Drop for Attempts {
    fn drop(&mut self) {
        if let Some((_, bytes)) = self.request {
            self.reconnecting.release(bytes);
        }
        if self.position.id.is_some() {
            self.leave();
        }
    }
}
