//! The state that a call or notification keeps while its client moves from one connection to the next.

use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::time::Instant;

use super::Peer;
use super::deadline::Deadline;
use crate::close::CloseReason;
use crate::error::CallError;
use crate::message::{ErrorObject, RequestText};
use crate::multiplexer::Outcome;
use crate::observe::{End, Observed};
use crate::reconnecting::{QueuePosition, Reconnecting, WaiterId};
use crate::shared_state::{SharedState, Ticket};

/// How often a call is sent in total: a call that makes its server fail must not go from one server to the
/// next without end.
const MAX_SENDS: u8 = 5;

/// The overhead that is counted for each copy of a request.
const COPY_OVERHEAD: usize = 64;

pub(super) struct Attempts {
    pub(super) reconnecting: Arc<Reconnecting>,
    position: QueuePosition,
    /// Created when the message first waits with a time limit.
    patience: Option<Deadline>,
    /// A copy of the request, in case it must be sent again, and its counted size.
    request: Option<(RequestText, usize)>,
    idempotent: bool,
    /// How often the request has been passed to a socket.
    sends: u8,
    /// Whether a previous connection sent it, and its server may have served it.
    sent: bool,
    /// Set while the call waits for the end of a connection whose peer refused it.
    refused: Option<Refused>,
}

/// A refusal by a peer that is shutting down.
struct Refused {
    error: Box<ErrorObject>,
    /// The connection, which the peer should close, and the latest time for that.
    shared: Arc<SharedState>,
    until: Instant,
}

/// Why a message cannot be sent.
pub(super) enum Stopped {
    /// The peer is shutting down, and there was no other connection in time.
    Refused(Box<ErrorObject>),
    /// The client has ended, or it does not let messages wait for the next connection. `sent`: a previous
    /// connection sent the message.
    Down { reason: CloseReason, sent: bool },
}

/// The result of passing a message to a connection.
pub(super) enum Opened<M, O> {
    /// A connection has taken it.
    Open(O),
    /// It waits for the next connection.
    Down(M),
    Stopped(Stopped),
}

/// A call in the tables of a connection: its id, and its request if there was no room for it.
pub(super) type Entered = (Arc<SharedState>, u64, Option<RequestText>, Observed);

/// Passes a message to the connection of a handle. With `attempts`, the handle belongs to a client that
/// reconnects, and the message goes to the connection that is up; if that one turns out to have ended, to the
/// next. `send` returns the message if its connection has ended.
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

/// [`open`] for a call without streams.
pub(super) fn open_call(
    peer: &Peer,
    attempts: &mut Option<Box<Attempts>>,
    cx: &mut Context<'_>,
    frame: RequestText,
    ticket: &mut Option<Ticket>,
) -> Opened<RequestText, Entered> {
    open(peer, attempts, cx, frame, |shared, frame, waker| {
        let observed =
            Observed::called(shared.id(), (shared.meters(), shared.inspected()), || frame.method());
        match shared.as_caller().open_call(frame, waker, ticket) {
            Ok((id, left)) => {
                observed.numbered(id);
                Ok((shared, id, left, observed))
            }
            Err(ended) => {
                observed.end(End::Disconnected);
                Err(ended)
            }
        }
    })
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
    /// `None` if the peer is not that of a client that reconnects.
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

    /// Keeps a copy of the request if it may have to be sent again: because it is idempotent, or because
    /// calls wait for the next connection and the server may refuse this one while it shuts down. Without
    /// room for the copy, the request is sent once.
    pub(super) fn keep(&mut self, request: &RequestText, idempotent: bool) {
        self.idempotent = idempotent;
        let bytes = request.len() + COPY_OVERHEAD;
        if (idempotent || self.reconnecting.lets_wait()) && self.reconnecting.keep(bytes) {
            self.request = Some((request.clone(), bytes));
        }
    }

    /// Returns the request to be sent on the next connection, if the call ended in such a way that it was not
    /// served, or may be served twice. `sent`: whether it had been passed to the socket. `unsent` is the
    /// request of a call that had not been.
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
            // No other error means that the method has not run.
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

    /// Another copy of the request, unless it has been sent often enough.
    fn copy(&self) -> Option<RequestText> {
        let (request, _) = self.request.as_ref().filter(|_| self.sends < MAX_SENDS)?;
        Some(request.clone())
    }

    /// Returns the connection that is up, and waits for one while the client has none, if its calls may wait.
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
            Some(refused) if refused.shared.as_life().ending().is_none() => {
                self.leave();
                Poll::Ready(Err(Stopped::Refused(refused.error)))
            }
            // The connection has ended in the meantime: the call waits for the next one, as any call does.
            _ => Poll::Pending,
        }
    }

    /// Records that a connection is over, which the client may not have noticed yet.
    pub(super) fn note_over(&mut self, shared: &SharedState) {
        self.position.over = Some(shared.id());
    }

    /// The call's entry in the wait list.
    pub(super) fn position(&self) -> Option<WaiterId> {
        self.position.id
    }

    /// Leaves the wait list.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::ConnectionInfo;
    use crate::message::ErrorCode;
    use crate::reconnecting::{ReconnectDriver, WhileDown};

    /// Whether a call is sent again that its peer has refused with this error.
    fn again(while_down: WhileDown, idempotent: bool, error: ErrorObject) -> bool {
        let driver = ReconnectDriver::new(Arc::default(), ConnectionInfo::default(), while_down);
        let mut attempts = Attempts::new(driver.0.clone());
        attempts.keep(&RequestText::encode("work", &()).expect("it serialises"), idempotent);
        attempts.again(&driver.0.current(), &Outcome::Error(error.into()), true, None).is_some()
    }

    #[test]
    fn only_a_refusal_by_a_peer_that_shuts_down_is_sent_again_and_only_if_calls_wait() {
        let refusal = || ErrorObject::framework(ErrorCode::ShuttingDown).not_served();
        let limit = || ErrorObject::framework(ErrorCode::LimitExceeded).not_served();
        for idempotent in [false, true] {
            assert!(again(WhileDown::default(), idempotent, refusal()));
            assert!(!again(WhileDown::default(), idempotent, limit()));
            assert!(!again(WhileDown::default(), idempotent, ErrorObject::new(1, "failed")));
            assert!(!again(WhileDown::Fail, idempotent, refusal()));
        }
    }
}
