//! The shared state as a batch of ours uses it.

use std::task::Waker;

use super::{SharedState, Ticket};
use crate::close::CloseReason;
use crate::message::{BatchEntry, BatchText};
use crate::multiplexer::{Completed, Outcome};

/// The ids of a batch's calls, and its array if there was no room for it.
type OpenedBatch = (Vec<u64>, Option<BatchText>);

/// What a batch does with the connection that it goes out on.
pub(crate) struct BatchSide<'a>(&'a SharedState);

impl<'a> BatchSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    /// Enters the calls of a batch, in order and before anything is sent, and queues its array. Gives the
    /// ids, and the array back if there is no room for it: `waiter` is woken when there is, and
    /// [`BatchSide::send_batch`] tries again.
    ///
    /// `Err` with the reason, and the entries, if the connection has ended.
    pub(crate) fn open_batch(
        &self,
        entries: Vec<BatchEntry>,
        waiter: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> Result<OpenedBatch, (CloseReason, Vec<BatchEntry>)> {
        let (mut spare, mut state) = self.0.state_with(waiter);
        if let Some(reason) = state.life.ending() {
            return Err((reason.clone(), entries));
        }
        // Who awaits a call registers when it is polled.
        let batch = BatchText::number(entries, || state.calls.insert(Waker::noop().clone()));
        let ids = batch.ids().collect();
        let left = state.push_batch(batch, &mut spare, ticket);
        drop(state);
        self.0.notify_driver();
        Ok((ids, left))
    }

    /// Queues a batch whose calls were entered, if there is room now; gives it back if not.
    ///
    /// `Err` with the reason if the connection has ended.
    pub(crate) fn send_batch(
        &self,
        batch: BatchText,
        waiter: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> Result<Option<BatchText>, CloseReason> {
        let (mut spare, mut state) = self.0.state_with(waiter);
        if let Some(reason) = state.life.ending() {
            return Err(reason.clone());
        }
        let left = state.push_batch(batch, &mut spare, ticket);
        drop(state);
        self.0.notify_driver();
        Ok(left)
    }

    /// Ends the calls of a batch that was entered and will not be sent, all in the same way.
    pub(crate) fn give_up_batch(
        &self,
        batch: &BatchText,
        ticket: &mut Option<Ticket>,
        outcome: impl Fn() -> Outcome,
    ) {
        let mut state = self.0.state();
        let left = state.write_queue.leave(ticket);
        let end = |id| match state.calls.complete(id, outcome()) {
            Completed::Waiter(waiter) => waiter,
            Completed::Unknown => None,
        };
        let waiters: Vec<Waker> = batch.ids().filter_map(end).collect();
        drop(state);
        if left.others_wait() {
            self.0.notify_driver();
        }
        waiters.into_iter().for_each(Waker::wake);
    }
}
