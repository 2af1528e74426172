//! The shared state, as the connection's task and its handlers use it.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use super::batch::take_off_batch;
use super::life::Life;
use super::{QueuedFrame, SharedState, subscriber_table};
use crate::close::{CloseFrame, CloseReason};
use crate::message::ErrorObject;
use crate::multiplexer::{Completed, Outcome};

/// The result of one look at the queue.
pub(crate) struct Work {
    close_requested: bool,
    more: bool,
    held: bool,
}

impl Work {
    /// Whether a close was requested.
    pub(crate) fn close_requested(&self) -> bool {
        self.close_requested
    }

    /// Whether more is queued than fitted the budget.
    pub(crate) fn more(&self) -> bool {
        self.more
    }

    /// Whether broadcasts wait until the peer gives credit for them.
    pub(crate) fn held(&self) -> bool {
        self.held
    }
}

/// The operations of the connection's task.
pub(crate) struct DriverSide<'a>(&'a SharedState);

impl<'a> DriverSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.0.driver_waker.register(cx);
    }

    /// Whether something has been queued since the last [`DriverSide::take_work`].
    #[inline]
    pub(crate) fn has_work(&self) -> bool {
        self.0.driver_waker.is_notified()
    }

    /// Moves queued messages into `into`, in order, up to a number of messages and a number of bytes.
    pub(crate) fn take_work(
        &self,
        into: &mut VecDeque<QueuedFrame>,
        mut bytes: usize,
        messages: usize,
    ) -> Work {
        self.0.driver_waker.begin_look();
        let mut wakers = Vec::new();
        let mut guard = self.0.state();
        let state = &mut *guard;
        while bytes > 0
            && into.len() < messages
            && let Some((outgoing, size)) = state.write_queue.pop()
        {
            bytes = bytes.saturating_sub(size);
            match outgoing {
                // The call is no longer awaited, and the peer has never seen it.
                QueuedFrame::Call { id, .. } if !state.calls.mark_sent(id) => {}
                QueuedFrame::Call { id, mut frame } => {
                    if let Some(streams) = state.streams.get() {
                        wakers.extend(streams.call_sent(id));
                        if let Some(credit) = streams.initial_credit(id) {
                            frame = frame.with_stream(credit.items, credit.bytes);
                        }
                    }
                    into.push_back(QueuedFrame::Call { id, frame });
                }
                QueuedFrame::Items { key, bytes, text } => {
                    wakers.extend(state.streams.get().and_then(|streams| streams.written(key, bytes)));
                    into.push_back(QueuedFrame::Reply(text));
                }
                QueuedFrame::Frame(frame) => {
                    state.calls.note_provocation();
                    into.push_back(QueuedFrame::Frame(frame));
                }
                QueuedFrame::Report(slot) => {
                    if let Some(text) = state.write_queue.take_report(slot) {
                        bytes = bytes.saturating_sub(text.len());
                        state.calls.note_provocation();
                        into.push_back(QueuedFrame::Frame(text));
                    }
                }
                QueuedFrame::Batch(batch) => {
                    into.extend(take_off_batch(state, batch).map(QueuedFrame::Batch))
                }
                outgoing => into.push_back(outgoing),
            }
        }
        let credit = state.notifications.left();
        wakers.extend(state.write_queue.take_waiters(credit));
        let close_requested = state.life.requested_close().is_some();
        let (more, held) = (!state.write_queue.is_empty(), state.notifications.held_bytes() > 0);
        let work = Work { close_requested, more, held };
        drop(guard);
        wakers.into_iter().for_each(Waker::wake);
        work
    }

    /// Frees the memory of the queue.
    pub(crate) fn shrink(&self) {
        self.0.state().write_queue.shrink();
    }

    /// Queues something that must not wait for room: a reply, or the end of a handler.
    pub(crate) fn queue(&self, outgoing: QueuedFrame) {
        let mut state = self.0.state();
        if state.life.ending().is_some() {
            return;
        }
        state.write_queue.push(outgoing);
        drop(state);
        self.0.driver_waker.notify();
    }

    /// Pending while so much waits for the peer that handlers are paused. In that case the task of the
    /// handler with this key is woken when there is room.
    pub(crate) fn poll_room(&self, key: usize, cx: &Context<'_>) -> Poll<()> {
        if !self.0.state().write_queue.is_overfull() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let (polled, _dropped_later) = self.0.state().write_queue.poll_room(key, waker);
        polled
    }

    /// The number of bytes that wait for the socket.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.0.state().write_queue.bytes()
    }

    /// Ends an outgoing call with the peer's answer. Returns the answer if no such call is waiting.
    pub(crate) fn complete(&self, id: u64, outcome: Outcome) -> Result<(), Outcome> {
        let mut state = self.0.state();
        if !state.calls.is_waiting(id) {
            if !subscriber_table::late_reply(&mut state, id, &outcome) {
                return Err(outcome);
            }
            drop(state);
            self.0.driver_waker.notify();
            return Ok(());
        }
        let (outcome, told) = subscriber_table::reply_to_call(&mut state, id, outcome);
        let (woken, is_opened) = state.streams.end_call(id, &outcome);
        let completed = state.calls.complete(id, outcome);
        if is_opened {
            // The call is no longer awaited: its caller has the stream.
            state.calls.remove(id);
        }
        let refused = state.calls.take_refused();
        drop(state);
        if told {
            self.0.driver_waker.notify();
        }
        woken.into_iter().for_each(Waker::wake);
        if let Completed::Waiter(Some(waiter)) = completed {
            waiter.wake();
        }
        refused.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Ends the calls that an error with id null concerns: those of a batch that the peer has refused as a
    /// whole, or an open call. `false` if the error may concern something else.
    pub(crate) fn refuse(&self, error: &ErrorObject, has_id: bool) -> bool {
        let Some(waiters) = self.0.state().calls.refuse(error, has_id) else { return false };
        waiters.into_iter().for_each(Waker::wake);
        true
    }

    /// Records that an error with id null is sent.
    pub(crate) fn note_provocation(&self) {
        self.0.state().calls.note_provocation();
    }

    /// Whether an outgoing call has or had this id.
    pub(crate) fn has_given(&self, id: u64) -> bool {
        self.0.state().calls.has_given(id)
    }

    /// The close that a handle has requested, if the connection is still open.
    pub(crate) fn requested_close(&self) -> Option<CloseFrame> {
        self.0.state().life.requested_close().cloned()
    }

    /// From now on nothing can be sent, and all outgoing calls end. Calls whose requests are still queued get
    /// their requests back.
    pub(crate) fn begin_end(&self, reason: CloseReason) {
        let mut state = self.0.state();
        if state.life.ending().is_some() {
            return;
        }
        state.life = Life::Ending(reason);
        let queued = state.write_queue.clear();
        state.notifications.drop_held();
        let mut wakers: Vec<Waker> = state.write_queue.take_all_waiters().collect();
        for outgoing in queued {
            if let QueuedFrame::Call { id, frame } = outgoing
                && let Completed::Waiter(waiter) = state.calls.complete(id, Outcome::Returned(frame))
            {
                wakers.extend(waiter);
            }
        }
        wakers.extend(state.calls.disconnect());
        wakers.extend(state.streams.disconnect());
        wakers.extend(state.subscriptions.disconnect());
        drop(state);
        self.0.on_ending.notify_waiters();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The connection has ended, `clean` if both close frames were exchanged. Returns the reason.
    pub(crate) fn end(&self, clean: bool) -> CloseReason {
        let reason = self.0.as_life().why_ended();
        self.end_with(CloseReason { clean: clean || reason.clean, ..reason })
    }

    /// The connection has ended for this reason, unless it had already ended. Returns the final reason.
    pub(crate) fn end_with(&self, reason: CloseReason) -> CloseReason {
        self.begin_end(reason.clone());
        let mut state = self.0.state();
        let reason = state.life.ended().cloned().unwrap_or(reason);
        state.life = Life::Ended(reason.clone());
        drop(state);
        self.0.on_closed.notify_waiters();
        reason
    }
}
