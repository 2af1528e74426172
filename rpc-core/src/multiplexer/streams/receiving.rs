//! A stream that this side consumes.

use std::collections::VecDeque;
use std::task::Poll;

use bytes::Bytes;

use super::{End, Name};
use crate::message::Totals;
use crate::multiplexer::credit::{Excess, PooledCredit, Pot};

/// The result of an outgoing call, or an argument of an incoming one.
#[derive(Clone, Debug)]
pub(super) struct Receiving<W> {
    pub(super) name: Name,
    pub(super) credit: PooledCredit,
    phase: Phase,
    /// The texts of items that have arrived and are not consumed. The credit limits them.
    queue: VecDeque<Bytes>,
    waker: Option<W>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// A result that is not open yet.
    Opening,
    Open,
    /// The end follows the items in the queue.
    Ended {
        opened: bool,
        end: End,
    },
}

/// The next part of a stream for its consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Item(Bytes),
    /// The end. The stream is removed from the table.
    End(End),
}

impl<W> Receiving<W> {
    pub(super) fn result(name: Name, credit: PooledCredit) -> Self {
        Self { name, credit, phase: Phase::Opening, queue: VecDeque::new(), waker: None }
    }

    pub(super) fn argument(name: Name, credit: PooledCredit) -> Self {
        Self { phase: Phase::Open, ..Self::result(name, credit) }
    }

    /// Whether the stream is an argument. The connection counts the unread bytes of arguments.
    pub(super) fn is_argument(&self) -> bool {
        matches!(self.name, Name::Incoming(..))
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    /// Whether the stream was opened, by an `rpc.item` or by a complete end.
    pub(super) fn was_opened(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Ended { opened: true, .. })
    }

    /// Records that the stream is open. Returns the task to wake.
    pub(super) fn open(&mut self) -> Option<W> {
        if self.phase != Phase::Opening {
            return None;
        }
        self.phase = Phase::Open;
        self.waker.take()
    }

    /// Adds an item. An item without credit is dropped.
    pub(super) fn push(&mut self, item: Bytes) -> Result<(), Excess> {
        self.credit.arrive(item.len() as u64)?;
        self.queue.push_back(item);
        Ok(())
    }

    /// Returns the task to wake when items have arrived.
    pub(super) fn take_waker(&mut self) -> Option<W> {
        self.waker.take()
    }

    /// Ends the stream after the items that have arrived. Only the first end has an effect. Returns the task
    /// to wake.
    pub(super) fn end(&mut self, end: End, pot: &mut Pot) -> Option<W> {
        if !self.has_ended() {
            // If a stream is complete without having been opened, it is empty.
            let opened = self.phase == Phase::Open || end == End::Complete;
            self.phase = Phase::Ended { opened, end };
            self.credit.close(pot);
        }
        self.waker.take()
    }

    /// [`Receiving::end`], but drops the items that have arrived.
    pub(super) fn end_now(&mut self, end: End, pot: &mut Pot) -> Option<W> {
        self.queue.clear();
        self.credit.discard(pot);
        self.end(end, pot)
    }

    /// Ready once the stream is open, or was refused. See [`super::Sending::poll_credit`] for `waker`.
    pub(super) fn poll_open(&mut self, waker: &mut Option<W>) -> Poll<Result<(), End>> {
        match &self.phase {
            Phase::Opening => {
                std::mem::swap(&mut self.waker, waker);
                Poll::Pending
            }
            Phase::Open | Phase::Ended { opened: true, .. } => Poll::Ready(Ok(())),
            Phase::Ended { opened: false, end } => Poll::Ready(Err(end.clone())),
        }
    }

    /// The next item or the end, and the total to grant.
    pub(super) fn poll_next(&mut self, waker: &mut Option<W>, pot: &mut Pot) -> (Poll<Next>, Option<Totals>) {
        let next = match self.queue.pop_front() {
            Some(item) => {
                self.credit.take(item.len() as u64, pot);
                Poll::Ready(Next::Item(item))
            }
            None => match &self.phase {
                Phase::Ended { end, .. } => Poll::Ready(Next::End(end.clone())),
                Phase::Opening | Phase::Open => {
                    std::mem::swap(&mut self.waker, waker);
                    Poll::Pending
                }
            },
        };
        // A stream that has ended needs no grant. The first poll grants the rest of the window.
        let total = if self.has_ended() { None } else { self.credit.raise(pot) };
        (next, total)
    }

    /// Returns the waker, which the caller drops outside of the lock.
    pub(super) fn discard(mut self, pot: &mut Pot) -> Option<W> {
        self.credit.discard(pot);
        self.waker
    }
}
