//! The shared state, as the handles of a connection use it to call, notify and close.

use std::sync::MutexGuard;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::{Oddity, QueuedFrame, SharedState, Spare, State, Ticket, subscriber_table};
use crate::close::{CloseFrame, CloseReason, ConnectionState};
use crate::config::WhenFull;
use crate::message::RequestText;
use crate::multiplexer::Outcome;

/// The operations of a connection's handles.
pub(crate) struct CallerSide<'a>(&'a SharedState);

impl<'a> CallerSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    /// Enters a call, before anything is sent, and queues its request. Returns the request if there is no
    /// room for it. In that case `waiter` is woken when there is room, and [`CallerSide::send_call`] tries
    /// again.
    ///
    /// If the connection has ended, `Err` has the reason and the request.
    pub(crate) fn open_call(
        &self,
        request: RequestText,
        waiter: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> Result<(u64, Option<RequestText>), (CloseReason, RequestText)> {
        let opened = self.open_call_with(request, waiter, ticket, |_, _| {});
        opened.map(|(id, left, ())| (id, left))
    }

    /// [`CallerSide::open_call`] for a call that `enter` enters into other tables, before its request is
    /// queued. Also returns the result of `enter`.
    #[inline]
    pub(super) fn open_call_with<T>(
        &self,
        request: RequestText,
        waiter: &Waker,
        ticket: &mut Option<Ticket>,
        enter: impl FnOnce(&mut State, u64) -> T,
    ) -> Result<(u64, Option<RequestText>, T), (CloseReason, RequestText)> {
        let entered = waiter.clone();
        let (mut spare, mut state) = self.0.state_with(waiter, |_| true);
        if let Some(reason) = state.life.ending() {
            return Err((reason.clone(), request));
        }
        let id = state.calls.insert(entered);
        if request.asks_progress() {
            state.progress.enter(id);
        }
        let entry = enter(&mut state, id);
        let left = push_call(&mut state, id, request, &mut spare, ticket);
        drop(state);
        self.0.driver_waker.notify();
        Ok((id, left, entry))
    }

    /// Queues the request of a call that has been entered, if there is room now. Returns it if there is none,
    /// or if the connection and therefore the call have ended.
    pub(crate) fn send_call(
        &self,
        id: u64,
        request: RequestText,
        waiter: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> Option<RequestText> {
        let (mut spare, mut state) = self.0.state_with(waiter, |_| true);
        if state.life.ending().is_some() {
            return Some(request);
        }
        let left = push_call(&mut state, id, request, &mut spare, ticket);
        drop(state);
        self.0.driver_waker.notify();
        left
    }

    /// Queues a notification if there is room, and credit for it; otherwise returns `false`, and `waiter` is
    /// woken when there is.
    ///
    /// If the connection has ended, `Err` has the reason.
    pub(crate) fn send_notification(
        &self,
        text: &Bytes,
        waiter: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> Result<bool, CloseReason> {
        let (mut spare, mut state) = self.0.state_with(waiter, |it| it.may_send(text));
        if let Some(reason) = state.life.ending() {
            return Err(reason.clone());
        }
        if !state.notifications.may_send(text) {
            state.write_queue.wait_for_credit(&mut spare, ticket);
            return Ok(false);
        }
        if !state.write_queue.has_room(&mut spare, ticket) {
            return Ok(false);
        }
        state.notifications.spend(text);
        state.write_queue.push(QueuedFrame::Frame(text.clone()));
        drop(state);
        self.0.driver_waker.notify();
        Ok(true)
    }

    /// Queues a broadcast without waiting. `false` if the queue is full and the peer does not get the
    /// message, or is disconnected for that reason. A message to a connection that is ending counts as sent.
    pub(crate) fn try_send(&self, text: Bytes) -> bool {
        let takes = self.offer(text);
        if !takes && self.0.log_once.first(Oddity::MissedBroadcast) {
            tracing::warn!(
                connection = self.0.id,
                remote_addr = self.0.info.remote_addr_field(),
                "a peer misses a broadcast: its queue is full; further ones are logged at debug level"
            );
        } else if !takes {
            tracing::debug!(connection = self.0.id, "a peer misses a broadcast");
        }
        takes
    }

    /// [`CallerSide::try_send`] for senders that log by themselves that the peer misses a message.
    pub(crate) fn offer(&self, text: Bytes) -> bool {
        let state = self.0.state();
        let when_full = state.when_full;
        self.push_notification(state, text, when_full)
    }

    /// Queues a notification that the peer must get: if its queue is far too full, the connection closes.
    pub(crate) fn tell(&self, text: Bytes) {
        self.push_notification(self.0.state(), text, WhenFull::Buffer);
    }

    /// Queues a notification if the queue takes it. Returns whether it does.
    fn push_notification(&self, mut state: MutexGuard<'_, State>, text: Bytes, when_full: WhenFull) -> bool {
        if state.life.ending().is_some() {
            return true;
        }
        let held = state.notifications.held_bytes();
        let takes = match when_full {
            WhenFull::Buffer => !state.write_queue.is_overfull_with(held),
            WhenFull::Drop | WhenFull::Close => !state.write_queue.is_full_with(held),
        };
        if takes {
            let State { notifications, write_queue, .. } = &mut *state;
            notifications.broadcast(text, write_queue);
        } else if when_full != WhenFull::Drop {
            state.life.request_close(CloseFrame::too_slow());
        }
        drop(state);
        self.0.driver_waker.notify();
        takes
    }

    /// Sets what later broadcasts do if the queue is full.
    pub(crate) fn set_when_full(&self, when_full: WhenFull) {
        self.0.state().when_full = when_full;
    }

    /// Leaves the line of those who wait for room.
    pub(crate) fn leave(&self, ticket: &mut Option<Ticket>) {
        if ticket.is_none() {
            return;
        }
        let left = self.0.state().write_queue.leave(ticket);
        if left.others_wait() {
            self.0.driver_waker.notify();
        }
    }

    /// Returns the outcome of a call, and whether its request had been sent.
    pub(crate) fn poll_call(&self, id: u64, cx: &Context<'_>) -> Poll<(Outcome, bool)> {
        let mut spare = None;
        loop {
            let polled = self.0.state().calls.poll(id, cx.waker(), &mut spare);
            match polled {
                Some(polled) => return polled,
                None => spare = Some(cx.waker().clone()),
            }
        }
    }

    /// Removes a call, and sends the peer a cancel if it knows the call.
    pub(crate) fn cancel_call(&self, id: u64, ticket: &mut Option<Ticket>) {
        self.forget_call(id, ticket, "its caller dropped it");
    }

    /// [`CallerSide::cancel_call`] for a call that has timed out.
    pub(crate) fn expire_call(&self, id: u64, ticket: &mut Option<Ticket>) {
        self.forget_call(id, ticket, "it timed out");
    }

    fn forget_call(&self, id: u64, ticket: &mut Option<Ticket>, why: &str) {
        let mut state = self.0.state();
        let left = state.write_queue.leave(ticket);
        let removed = state.calls.remove(id);
        if removed.sent {
            state.tell_cancelled(&self.0.dialect, id, why);
        }
        let woken = state.streams.cancel_call(id);
        let told = subscriber_table::give_up(&mut state, id, removed.sent);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        if removed.sent || told || left.others_wait() {
            self.0.driver_waker.notify();
        }
    }

    /// Ends a call that is awaited, wakes the task that awaits it, and sends the peer a cancel if it knows
    /// the call.
    pub(crate) fn end_call(&self, id: u64) {
        let mut state = self.0.state();
        let Some(ended) = state.calls.cancel(id) else {
            let (woken, told) = subscriber_table::cancel(&mut state, id);
            drop(state);
            if told {
                self.0.driver_waker.notify();
            }
            return woken.into_iter().for_each(Waker::wake);
        };
        if ended.sent {
            state.tell_cancelled(&self.0.dialect, id, "it was cancelled");
        }
        let woken = state.streams.cancel_call(id);
        subscriber_table::give_up(&mut state, id, ended.sent);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        self.0.driver_waker.notify();
        if let Some(waiter) = ended.waiter {
            waiter.wake();
        }
    }

    /// The number of outgoing calls that wait for their reply.
    pub(crate) fn in_flight(&self) -> usize {
        self.0.state().calls.len()
    }

    /// The state of the connection's life.
    pub(crate) fn lifetime(&self) -> ConnectionState {
        self.0.state().life.state()
    }

    /// The size of the messages that the operating system has not taken yet, in bytes.
    pub(crate) fn buffered(&self) -> usize {
        let state = self.0.state();
        state.write_queue.text_bytes() + state.notifications.held_bytes() + self.0.gauges.unflushed()
    }

    /// Requests the closing handshake. The first request determines code and reason.
    pub(crate) fn close(&self, frame: CloseFrame) {
        self.0.state().life.request_close(frame);
        self.0.driver_waker.notify();
    }
}

fn push_call(
    state: &mut State,
    id: u64,
    request: RequestText,
    spare: &mut Spare,
    ticket: &mut Option<Ticket>,
) -> Option<RequestText> {
    if !state.write_queue.has_room(spare, ticket) {
        return Some(request);
    }
    state.write_queue.push(QueuedFrame::Call { id, frame: request });
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;
    use crate::handshake::ConnectionInfo;
    use crate::shared_state::SharedLimits;

    #[test]
    fn a_request_that_comes_too_late_for_its_connection_is_given_back() {
        let mut config = Config::default();
        config.limits.max_queued_bytes = 1;
        let shared = SharedState::new(Arc::new(config), ConnectionInfo::default(), SharedLimits::default());
        let (waker, mut ticket) = (Waker::noop(), None);
        let mut open = || {
            let request = RequestText::encode("add", &(1, 2)).expect("it serialises");
            shared.as_caller().open_call(request, waker, &mut ticket).expect("it is open")
        };
        assert!(matches!(open(), (_, None)), "the queue has room for one");
        let (id, Some(request)) = open() else { panic!("there is no room") };
        // This happens between the call's check of its outcome and its check for room.
        assert!(shared.as_caller().poll_call(id, &Context::from_waker(waker)).is_pending());
        shared.as_driver().begin_end(CloseReason::lost("gone"));
        assert!(
            shared.as_caller().send_call(id, request, waker, &mut ticket).is_some(),
            "else it were lost to the next"
        );
        let ended = shared.as_caller().poll_call(id, &Context::from_waker(waker));
        assert!(matches!(ended, Poll::Ready((Outcome::Disconnected, false))));
    }
}
