//! What a call or a notification keeps from one connection of its line to the next.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep};

use super::Peer;
use crate::close::CloseReason;
use crate::error::CallError;
use crate::line::{Line, Place, PlaceId};
use crate::link::Link;
use crate::message::{CallFrame, ErrorObject};
use crate::multiplexer::Outcome;

/// How often a call is sent in all: one that ends its server must not go on to the next for ever.
const MAX_SENDS: u8 = 5;

/// What the copy of a request costs beyond its text.
const COPY_OVERHEAD: usize = 64;

pub(super) struct Attempts {
    pub(super) line: Arc<Line>,
    place: Place,
    /// Holds from the first poll on, over all connections.
    deadline: Option<Instant>,
    /// Made when it first has to wait.
    timer: Option<Pin<Box<Sleep>>>,
    /// The request, in case that it has to be sent again, and the bytes that are counted for it.
    request: Option<(CallFrame, usize)>,
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
    link: Arc<Link>,
    until: Instant,
}

/// Why there is no connection to send over.
pub(super) enum Stopped {
    TimedOut,
    /// The peer shuts down, and no other connection came in time.
    Refused(Box<ErrorObject>),
    /// The line has ended, or nothing waits for its next connection. `sent`: an earlier one had sent it.
    Down {
        reason: CloseReason,
        sent: bool,
    },
}

impl<E> From<Stopped> for CallError<E> {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::TimedOut => Self::TimedOut,
            Stopped::Refused(error) => Self::Refused(*error),
            Stopped::Down { reason, sent } => Self::Disconnected { reason, sent },
        }
    }
}

/// How long something waits at most, with a timer that is made when it first has to.
pub(super) struct Patience(Option<Pin<Box<Sleep>>>);

impl Patience {
    /// Without a deadline it never ends.
    pub(super) fn new(deadline: Option<Instant>) -> Self {
        Self(deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline))))
    }

    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(cx))
    }
}

/// Until when a call may take: one that begins now, or that began on an earlier connection.
pub(super) fn deadline(peer: &Peer, attempts: Option<&Attempts>) -> Option<Instant> {
    match attempts {
        Some(attempts) => attempts.deadline,
        // A duration too long for the clock is no bound.
        None => peer.timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
    }
}

impl Attempts {
    /// `None` unless the peer is a line.
    pub(super) fn begin(peer: &Peer) -> Option<Box<Self>> {
        let (line, deadline) = (peer.line.clone()?, deadline(peer, None));
        Some(Box::new(Self::new(line, deadline)))
    }

    fn new(line: Arc<Line>, deadline: Option<Instant>) -> Self {
        Self {
            line,
            place: Place::default(),
            deadline,
            timer: None,
            request: None,
            idempotent: false,
            sends: 0,
            sent: false,
            refused: None,
        }
    }

    /// Keeps the request, if it may have to be sent again: it is idempotent, or calls wait for the next connection
    /// and the server may refuse it because it shuts down. Without room for the copy it is sent once.
    pub(super) fn keep(&mut self, request: &CallFrame, idempotent: bool) {
        self.idempotent = idempotent;
        let bytes = request.len() + COPY_OVERHEAD;
        if (idempotent || self.line.lets_wait()) && self.line.keep(bytes) {
            self.request = Some((request.clone(), bytes));
        }
    }

    /// The request for the next connection, if this is how the call ended on the last, and it was not served or
    /// may be twice. `sent`: whether it had been handed to the socket; `unsent` is that of a call that was not.
    pub(super) fn again(
        &mut self,
        link: &Arc<Link>,
        outcome: &Outcome,
        sent: bool,
        unsent: Option<CallFrame>,
    ) -> Option<CallFrame> {
        self.sends += u8::from(sent);
        match outcome {
            Outcome::Disconnected => {
                self.sent |= sent;
                unsent.or_else(|| self.copy().filter(|_| self.idempotent))
            }
            // Nothing else says that the method has not run.
            Outcome::Error(error) if error.is_refused_by_shutdown() && self.line.lets_wait() => {
                let request = self.copy()?;
                let until = Instant::now().checked_add(link.config.limits.close_timeout);
                self.refused = until.map(|until| Refused { error: error.clone(), link: link.clone(), until });
                Some(request)
            }
            _ => None,
        }
    }

    /// The request once more, unless it has been sent often enough.
    fn copy(&self) -> Option<CallFrame> {
        let (request, _) = self.request.as_ref().filter(|_| self.sends < MAX_SENDS)?;
        Some(request.clone())
    }

    /// The connection that is up; waits for one while the line is down and lets it.
    pub(super) fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arc<Link>, Stopped>> {
        if let Poll::Ready(found) = self.line.poll_link(&mut self.place, cx.waker()) {
            self.timer = None;
            let (refused, sent) = (self.refused.take(), self.sent);
            return Poll::Ready(found.map_err(|reason| match refused {
                Some(refused) => Stopped::Refused(refused.error),
                None => Stopped::Down { reason, sent },
            }));
        }
        loop {
            let patience = self.refused.as_ref().map(|refused| refused.until);
            let Some(until) = self.deadline.into_iter().chain(patience).min() else { return Poll::Pending };
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
            match self.refused.take() {
                // The connection has ended meanwhile: now it waits for the next, as any call does.
                Some(refused) if refused.link.ending().is_some() && self.deadline != Some(until) => {}
                Some(refused) if self.deadline != Some(until) => {
                    self.leave();
                    return Poll::Ready(Err(Stopped::Refused(refused.error)));
                }
                _ => {
                    self.leave();
                    return Poll::Ready(Err(Stopped::TimedOut));
                }
            }
        }
    }

    /// Notes that a connection is over, which the line may not know yet.
    pub(super) fn note_over(&mut self, link: &Link) {
        self.place.over = Some(link.id);
    }

    /// Where it waits.
    pub(super) fn place(&self) -> Option<PlaceId> {
        self.place.id
    }

    /// Waits no more.
    pub(super) fn leave(&mut self) {
        self.line.leave(&mut self.place);
    }
}

impl Drop for Attempts {
    fn drop(&mut self) {
        if let Some((_, bytes)) = self.request {
            self.line.release(bytes);
        }
        if self.place.id.is_some() {
            self.leave();
        }
    }
}
