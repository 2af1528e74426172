//! The shared state, as outgoing batches use it.

use std::task::Waker;

use super::{QueuedFrame, SharedState, Spare, State, Ticket};
use crate::close::CloseReason;
use crate::message::{BatchEntry, BatchText};
use crate::multiplexer::{Completed, Outcome};

/// The ids of a batch's calls, and the batch if there was no room for it.
type OpenedBatch = (Vec<u64>, Option<BatchText>);

/// The operations of a batch on its connection.
pub(crate) struct BatchSide<'a>(&'a SharedState);

impl<'a> BatchSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    /// Enters the calls of a batch, in order and before anything is sent, and queues the batch. Returns the
    /// ids, and the batch itself if there is no room for it. In that case `waiter` is woken when there is
    /// room, and [`BatchSide::send_batch`] tries again.
    ///
    /// If the connection has ended, `Err` has the reason and the entries.
    pub(crate) fn open_batch(
        &self,
        entries: Vec<BatchEntry>,
        waiter: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> Result<OpenedBatch, (CloseReason, Vec<BatchEntry>)> {
        // Whether it has to wait is known when its calls are entered.
        let (mut spare, mut state) = self.0.state_with(waiter, |_| false);
        if let Some(reason) = state.life.ending() {
            return Err((reason.clone(), entries));
        }
        // The future that awaits a call registers its waker when it is polled.
        let batch = BatchText::number(entries, || state.calls.insert(Waker::noop().clone()));
        let ids = batch.ids().collect();
        let left = push_batch(&mut state, batch, &mut spare, ticket);
        drop(state);
        self.notify_of(left.as_ref());
        Ok((ids, left))
    }

    /// Queues a batch whose calls have been entered, if there is room now; returns it otherwise.
    ///
    /// If the connection has ended, `Err` has the reason.
    pub(crate) fn send_batch(
        &self,
        batch: BatchText,
        waiter: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> Result<Option<BatchText>, CloseReason> {
        let (mut spare, mut state) = self.0.state_with(waiter, |it| it.may_send_batch(&batch));
        if let Some(reason) = state.life.ending() {
            return Err(reason.clone());
        }
        let left = push_batch(&mut state, batch, &mut spare, ticket);
        drop(state);
        self.notify_of(left.as_ref());
        Ok(left)
    }

    /// Notifies the connection's task of a batch that was queued, but not of one that waits. Each turn wakes
    /// tasks that wait for credit, so a batch that needs more than there is would be woken again and again.
    fn notify_of(&self, left: Option<&BatchText>) {
        if left.is_none() {
            self.0.driver_waker.notify();
        }
    }

    /// Ends all calls of a batch that was entered but will not be sent, in the same way.
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
            self.0.driver_waker.notify();
        }
        waiters.into_iter().for_each(Waker::wake);
    }
}

fn push_batch(
    state: &mut State,
    batch: BatchText,
    spare: &mut Spare,
    ticket: &mut Option<Ticket>,
) -> Option<BatchText> {
    if !state.notifications.may_send_batch(&batch) {
        state.write_queue.wait_for_credit(spare, ticket);
        return Some(batch);
    }
    if !state.write_queue.has_room(spare, ticket) {
        return Some(batch);
    }
    state.notifications.spend_batch(&batch);
    state.write_queue.push(QueuedFrame::Batch(batch));
    None
}

/// Marks the calls of a batch as sent, and removes those that are no longer awaited; `None` if nothing is
/// left.
pub(super) fn take_off_batch(state: &mut State, mut batch: BatchText) -> Option<BatchText> {
    batch.retain(|id| state.calls.mark_sent(id));
    state.calls.batch_sent(batch.ids(), batch.entries());
    (batch.entries() > 0).then_some(batch)
}
