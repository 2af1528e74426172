//! The link as a batch of ours sees it.

use std::task::Waker;

use super::{QueuedFrame, SharedState, Spare, State, Ticket};
use crate::close::CloseReason;
use crate::message::{BatchEntry, BatchText, ErrorObject};
use crate::multiplexer::{Completed, Outcome};

/// The ids of a batch's calls, and its array if there was no room for it.
type OpenedBatch = (Vec<u64>, Option<BatchText>);

impl SharedState {
    /// Enters the calls of a batch, in order and before anything is sent, and queues its array. Gives the
    /// ids, and the array back if there is no room for it: `waiter` is woken when there is, and
    /// [`SharedState::send_batch`] tries again.
    ///
    /// `Err` with the reason, and the entries, if the connection has ended.
    pub(crate) fn open_batch(
        &self,
        entries: Vec<BatchEntry>,
        waiter: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> Result<OpenedBatch, (CloseReason, Vec<BatchEntry>)> {
        let (mut spare, mut state) = self.state_with(waiter);
        if let Some(reason) = state.life.ending() {
            return Err((reason.clone(), entries));
        }
        // Who awaits a call registers when it is polled.
        let batch = BatchText::number(entries, || state.calls.insert(Waker::noop().clone()));
        let ids = batch.ids().collect();
        let left = state.push_batch(batch, &mut spare, ticket);
        drop(state);
        self.notify_driver();
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
        let (mut spare, mut state) = self.state_with(waiter);
        if let Some(reason) = state.life.ending() {
            return Err(reason.clone());
        }
        let left = state.push_batch(batch, &mut spare, ticket);
        drop(state);
        self.notify_driver();
        Ok(left)
    }

    /// Ends the calls of a batch that was entered and will not be sent, all in the same way.
    pub(crate) fn give_up_batch(
        &self,
        batch: &BatchText,
        ticket: &mut Option<Ticket>,
        outcome: impl Fn() -> Outcome,
    ) {
        let mut state = self.state();
        let left = state.write_queue.leave(ticket);
        let end = |id| match state.calls.complete(id, outcome()) {
            Completed::Waiter(waiter) => waiter,
            Completed::Unknown => None,
        };
        let waiters: Vec<Waker> = batch.ids().filter_map(end).collect();
        drop(state);
        if left.others_wait {
            self.notify_driver();
        }
        waiters.into_iter().for_each(Waker::wake);
    }

    /// Ends the calls that an error with id null is for: those of a batch that the peer has refused as a
    /// whole, or a call that is out. `false` if it may be for something else.
    pub(crate) fn refuse(&self, error: &ErrorObject, has_id: bool) -> bool {
        let Some(waiters) = self.state().calls.refuse(error, has_id) else { return false };
        waiters.into_iter().for_each(Waker::wake);
        true
    }
}

impl State {
    fn push_batch(
        &mut self,
        batch: BatchText,
        spare: &mut Spare,
        ticket: &mut Option<Ticket>,
    ) -> Option<BatchText> {
        if !self.write_queue.has_room(spare, ticket) {
            return Some(batch);
        }
        self.write_queue.push(QueuedFrame::Batch(batch));
        None
    }

    /// Marks the calls of a batch as sent, and leaves out those that nobody awaits any more; `None` if
    /// nothing is left.
    pub(super) fn take_off_batch(&mut self, mut batch: BatchText) -> Option<BatchText> {
        batch.retain(|id| self.calls.mark_sent(id));
        self.calls.batch_sent(batch.ids(), batch.entries());
        (batch.entries() > 0).then_some(batch)
    }
}
