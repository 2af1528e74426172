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
use crate::message::CallFrame;
use crate::multiplexer::Outcome;

pub(super) struct Attempts {
    pub(super) line: Arc<Line>,
    place: Place,
    /// Holds from the first poll on, over all connections.
    deadline: Option<Instant>,
    /// Made when it first has to wait.
    timer: Option<Pin<Box<Sleep>>>,
    /// The request, in case that it has to be sent again.
    request: Option<CallFrame>,
    idempotent: bool,
    /// Whether an earlier connection had sent it.
    pub(super) sent: bool,
}

/// Why there is no connection to send over.
pub(super) enum Stopped {
    TimedOut,
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
            Stopped::Down { reason, sent } => Self::Disconnected { reason, sent },
        }
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
            sent: false,
        }
    }

    /// Keeps the request, if it may have to be sent again: it is idempotent, or calls wait for the next connection
    /// and the server may refuse it because it shuts down.
    pub(super) fn keep(&mut self, request: &CallFrame, idempotent: bool) {
        self.idempotent = idempotent;
        if idempotent || self.line.lets_wait() {
            self.request = Some(request.clone());
        }
    }

    /// The request for the next connection, if this is how the call ended on the last, and it was not served or
    /// may be twice. `unsent` is that of a call that was not sent.
    pub(super) fn again(&self, outcome: &Outcome, unsent: Option<CallFrame>) -> Option<CallFrame> {
        match outcome {
            Outcome::Disconnected => unsent.or_else(|| self.request.clone().filter(|_| self.idempotent)),
            Outcome::Error(error) if error.is_shutting_down() && self.line.lets_wait() => {
                self.request.clone()
            }
            _ => None,
        }
    }

    /// The connection that is up; waits for one while the line is down and lets it.
    pub(super) fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arc<Link>, Stopped>> {
        if let Poll::Ready(found) = self.line.poll_link(&mut self.place, cx.waker()) {
            self.timer = None;
            let sent = self.sent;
            return Poll::Ready(found.map_err(|reason| Stopped::Down { reason, sent }));
        }
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        ready!(timer.as_mut().poll(cx));
        self.leave();
        Poll::Ready(Err(Stopped::TimedOut))
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
        if self.place.id.is_some() {
            self.leave();
        }
    }
}
