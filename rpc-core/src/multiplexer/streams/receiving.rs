//! A stream that this side consumes.

use std::collections::VecDeque;
use std::task::Poll;

use bytes::Bytes;

use super::{End, Name};
use crate::message::Totals;
use crate::multiplexer::credit::{Excess, PooledCredit, Pot};

/// The result of a call of ours, or an argument of one that the peer made.
#[derive(Clone, Debug)]
pub(super) struct Receiving<W> {
    pub(super) name: Name,
    pub(super) credit: PooledCredit,
    phase: Phase,
    /// The texts of items that have come and were not taken; bounded by the credit.
    queue: VecDeque<Bytes>,
    waker: Option<W>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// A result of which nothing has come.
    Opening,
    Open,
    /// Behind what is in the queue.
    Ended {
        opened: bool,
        end: End,
    },
}

/// What a consumer finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Item(Bytes),
    /// The stream is gone from the table.
    End(End),
}

impl<W> Receiving<W> {
    pub(super) fn result(name: Name, credit: PooledCredit) -> Self {
        Self { name, credit, phase: Phase::Opening, queue: VecDeque::new(), waker: None }
    }

    pub(super) fn argument(name: Name, credit: PooledCredit) -> Self {
        Self { phase: Phase::Open, ..Self::result(name, credit) }
    }

    /// Whether it is an argument, of which the connection counts what is unread.
    pub(super) fn is_argument(&self) -> bool {
        matches!(self.name, Name::Incoming(..))
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    /// Whether it was opened, by an item or by a complete end.
    pub(super) fn was_opened(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Ended { opened: true, .. })
    }

    /// Whether an item or the end is here.
    pub(super) fn has_next(&self) -> bool {
        !self.queue.is_empty() || self.has_ended()
    }

    /// Notes that it was opened. Gives whom to wake.
    pub(super) fn open(&mut self) -> Option<W> {
        if self.phase != Phase::Opening {
            return None;
        }
        self.phase = Phase::Open;
        self.waker.take()
    }

    /// Adds an item; one that nothing was granted for is dropped.
    pub(super) fn push(&mut self, item: Bytes) -> Result<(), Excess> {
        self.credit.arrive(item.len() as u64)?;
        self.queue.push_back(item);
        Ok(())
    }

    /// Whom to wake once items have come.
    pub(super) fn take_waker(&mut self) -> Option<W> {
        self.waker.take()
    }

    /// Ends it, behind what has come. The first end stands. Gives whom to wake.
    pub(super) fn end(&mut self, end: End, pot: &mut Pot) -> Option<W> {
        if !self.has_ended() {
            // A complete end of what was never opened is an empty stream.
            let opened = self.phase == Phase::Open || end == End::Complete;
            self.phase = Phase::Ended { opened, end };
            self.credit.close(pot);
        }
        self.waker.take()
    }

    /// As [`Receiving::end`], without what has come.
    pub(super) fn end_now(&mut self, end: End, pot: &mut Pot) -> Option<W> {
        self.queue.clear();
        self.credit.discard(pot);
        self.end(end, pot)
    }

    /// Ready once it is open, or was refused. See [`super::Sending::poll_credit`] for `waker`.
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

    /// The next item or the end, and the total that is to be told.
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
        // Nobody hears a total of a stream that has ended. Before anything was taken this is the first poll.
        let total = if self.has_ended() { None } else { self.credit.raise(pot) };
        (next, total)
    }

    /// What is left of it, to be dropped where no lock is held.
    pub(super) fn discard(mut self, pot: &mut Pot) -> Option<W> {
        self.credit.discard(pot);
        self.waker
    }
}
