//! A stream that this side produces.

use std::task::Poll;

use super::{Halt, Name};
use crate::message::Totals;
use crate::multiplexer::credit::SendCredit;

/// Bytes of one stream in the queue to the socket, or one item: calls do not wait behind more.
pub(super) const MAX_QUEUED: u64 = 64 << 10;

/// The result of a call that the peer made, or an argument of one of ours.
#[derive(Clone, Debug)]
pub(super) struct Sending<W> {
    pub(super) name: Name,
    credit: SendCredit,
    phase: Phase,
    /// Whether it never ends by itself.
    pub(super) endless: bool,
    /// Bytes of its items that wait for the socket.
    queued: u64,
    waker: Option<W>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A result whose handler has not returned it yet, or an argument whose request has not been sent.
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

    /// Ready when an item may go. What is in `waker` is registered until then, and what was registered before
    /// is left there, to be dropped where no lock is held.
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

    /// Ready once anything may be said of it. See [`Sending::poll_credit`] for `waker`.
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

    /// Ready when it is to stop. See [`Sending::poll_credit`] for `waker`.
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

    /// Whether the consumer wants to hear of it: it goes on, or a drain has halted it.
    pub(super) fn is_heard(&self) -> bool {
        matches!(self.phase, Phase::Held | Phase::Open | Phase::Halted(Halt::Draining))
    }

    /// Whether it is an argument of which nothing can have gone.
    pub(super) fn is_unsent_argument(&self) -> bool {
        self.phase == Phase::Held && matches!(self.name, Name::Outgoing(..))
    }

    pub(super) fn may_send(&self) -> bool {
        self.phase == Phase::Open && self.credit.may_send() && self.queued < MAX_QUEUED
    }

    /// What may be sent in one message.
    pub(super) fn left(&self) -> Totals {
        self.credit.remaining()
    }

    /// An item goes into the queue.
    pub(super) fn spend(&mut self, bytes: u64) {
        self.spend_all(Totals { items: 1, bytes });
    }

    /// Items go into the queue.
    pub(super) fn spend_all(&mut self, sent: Totals) {
        self.credit.spend_all(sent);
        self.queued += sent.bytes;
    }

    /// Items have left the queue. Gives whom to wake.
    pub(super) fn written(&mut self, bytes: u64) -> Option<W> {
        let waited = self.queued >= MAX_QUEUED;
        self.queued = self.queued.saturating_sub(bytes);
        self.waker.take_if(|_| waited && self.queued < MAX_QUEUED)
    }

    /// Gives whom to wake.
    pub(super) fn grant(&mut self, total: Totals) -> Option<W> {
        let may_go_on = self.credit.grant(total);
        self.waker.take_if(|_| may_go_on)
    }

    /// Gives whom to wake.
    pub(super) fn open(&mut self) -> Option<W> {
        if self.phase == Phase::Held {
            self.phase = Phase::Open;
        }
        self.waker.take()
    }

    /// The first reason stands. Gives whom to wake.
    pub(super) fn halt(&mut self, halt: Halt) -> Option<W> {
        if !self.is_halted() {
            self.phase = Phase::Halted(halt);
        }
        self.waker.take()
    }

    /// What is left of it, to be dropped where no lock is held.
    pub(super) fn into_waker(self) -> Option<W> {
        self.waker
    }
}
