//! A stream that this side produces.

use std::task::Poll;

use super::{Halt, Name};
use crate::message::Totals;
use crate::multiplexer::credit::SendCredit;

/// The maximum number of bytes of one stream in the write queue, or one item, so that calls do not wait
/// behind more.
pub(super) const MAX_QUEUED: u64 = 64 << 10;

/// The result of an incoming call, or an argument of an outgoing one.
#[derive(Clone, Debug)]
pub(super) struct Sending<W> {
    pub(super) name: Name,
    credit: SendCredit,
    phase: Phase,
    /// Whether the stream never ends by itself.
    pub(super) endless: bool,
    /// The number of bytes of its items in the write queue.
    queued: u64,
    waker: Option<W>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A result that the handler has not returned yet, or an argument whose request has not been sent.
    Held,
    Open,
    Halted(Halt),
}

impl<W> Sending<W> {
    pub(super) fn new(name: Name, initial: Totals) -> Self {
        Self {
            name,
            credit: SendCredit::new(initial),
            phase: Phase::Held,
            endless: false,
            queued: 0,
            waker: None,
        }
    }

    /// Ready when an item may be sent. Until then the waker in `waker` is registered. The one that was
    /// registered before is left there; the caller drops it outside of the lock.
    pub(super) fn poll_credit(&mut self, waker: &mut Option<W>) -> Poll<Result<(), Halt>> {
        if let Phase::Halted(halt) = self.phase {
            return Poll::Ready(Err(halt));
        }
        if self.may_send() {
            return Poll::Ready(Ok(()));
        }
        std::mem::swap(&mut self.waker, waker);
        Poll::Pending
    }

    /// Ready once messages about the stream may be sent. See [`Sending::poll_credit`] for `waker`.
    pub(super) fn poll_started(&mut self, waker: &mut Option<W>) -> Poll<Result<(), Halt>> {
        match self.phase {
            Phase::Halted(halt) => Poll::Ready(Err(halt)),
            Phase::Open => Poll::Ready(Ok(())),
            Phase::Held => {
                std::mem::swap(&mut self.waker, waker);
                Poll::Pending
            }
        }
    }

    /// Ready when the producer must stop. See [`Sending::poll_credit`] for `waker`.
    pub(super) fn poll_halted(&mut self, waker: &mut Option<W>) -> Poll<Halt> {
        if let Phase::Halted(halt) = self.phase {
            return Poll::Ready(halt);
        }
        std::mem::swap(&mut self.waker, waker);
        Poll::Pending
    }

    pub(super) fn is_halted(&self) -> bool {
        matches!(self.phase, Phase::Halted(_))
    }

    /// Whether the consumer must learn of the end: if the stream was not halted, or was halted by a drain.
    pub(super) fn is_heard(&self) -> bool {
        matches!(self.phase, Phase::Held | Phase::Open | Phase::Halted(Halt::Draining))
    }

    /// Whether the stream is an argument of which nothing has been sent.
    pub(super) fn is_unsent_argument(&self) -> bool {
        self.phase == Phase::Held && matches!(self.name, Name::Outgoing(..))
    }

    pub(super) fn may_send(&self) -> bool {
        self.phase == Phase::Open && self.credit.may_send() && self.queued < MAX_QUEUED
    }

    /// The credit for one message.
    pub(super) fn left(&self) -> Totals {
        self.credit.remaining()
    }

    /// Counts an item that is queued.
    #[cfg(any(test, feature = "__internals"))]
    pub(super) fn spend(&mut self, bytes: u64) {
        self.spend_all(Totals { items: 1, bytes });
    }

    /// Counts items that are queued.
    pub(super) fn spend_all(&mut self, sent: Totals) {
        self.credit.spend_all(sent);
        self.queued += sent.bytes;
    }

    /// Counts items that were taken from the queue. Returns the task to wake.
    pub(super) fn written(&mut self, bytes: u64) -> Option<W> {
        let waited = self.queued >= MAX_QUEUED;
        self.queued = self.queued.saturating_sub(bytes);
        self.waker.take_if(|_| waited && self.queued < MAX_QUEUED)
    }

    /// Handles a grant. Returns the task to wake.
    pub(super) fn grant(&mut self, total: Totals) -> Option<W> {
        let may_go_on = self.credit.grant(total);
        self.waker.take_if(|_| may_go_on)
    }

    /// Opens the stream. Returns the task to wake.
    pub(super) fn open(&mut self) -> Option<W> {
        if self.phase == Phase::Held {
            self.phase = Phase::Open;
        }
        self.waker.take()
    }

    /// Stops the producer. Only the first reason has an effect. Returns the task to wake.
    pub(super) fn halt(&mut self, halt: Halt) -> Option<W> {
        if !self.is_halted() {
            self.phase = Phase::Halted(halt);
        }
        self.waker.take()
    }

    /// Returns the waker, which the caller drops outside of the lock.
    pub(super) fn into_waker(self) -> Option<W> {
        self.waker
    }
}
