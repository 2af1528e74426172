//! The shared state, as the producers of streams use it: results of the peer's calls, and arguments of this
//! side's. Each operation changes the table and queues the message for the peer under the lock, and wakes
//! tasks after the lock is released.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::streams::{push_word, wake};
use super::{QueuedFrame, SharedState, Ticket};
use crate::message::{ErrorObject, Totals, WordText};
use crate::multiplexer::{Halt, StreamKey};

/// The operations of producers.
#[derive(Clone, Copy)]
pub(crate) struct ProducerSide<'a>(&'a SharedState);

impl<'a> ProducerSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    /// Opens the stream that a handler has returned; see `Streams::open_result`.
    pub(crate) fn open_result(self, key: StreamKey, endless: bool) -> bool {
        let mut state = self.0.state();
        state.streams.get().is_some_and(|streams| streams.open_result(key, endless))
    }

    /// Ready once the request of an argument has been sent, or the reply with the id of a subscription has
    /// been written or queued.
    pub(crate) fn poll_started(self, key: StreamKey, cx: &Context<'_>) -> Poll<Result<(), Halt>> {
        let mut waker = Some(cx.waker().clone());
        let mut state = self.0.state();
        let polled = match state.streams.get() {
            Some(streams) => streams.poll_started(key, &mut waker),
            None => Poll::Ready(Err(Halt::CallOver)),
        };
        drop(state);
        polled
    }

    /// Records that the source of an argument never ends by itself; see `Streams::set_endless`.
    pub(crate) fn set_endless(self, key: StreamKey) {
        let mut state = self.0.state();
        let woken = state.streams.get().and_then(|streams| streams.set_endless(key));
        drop(state);
        wake(woken.into_iter().collect());
    }

    /// Ready with the credit for one message, when there is credit and room in the queue.
    pub(crate) fn poll_send(
        self,
        key: StreamKey,
        ticket: &mut Option<Ticket>,
        cx: &Context<'_>,
    ) -> Poll<Result<Totals, Halt>> {
        let (mut halted, mut waker) = (Some(cx.waker().clone()), Some(cx.waker().clone()));
        let (mut spare, mut state) = self.0.state_with(cx.waker(), |_| true);
        let Some(streams) = state.streams.get() else { return Poll::Ready(Err(Halt::CallOver)) };
        match streams.poll_credit(key, &mut waker) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(halt)) => return Poll::Ready(Err(halt)),
            Poll::Ready(Ok(())) => {}
        }
        let left = streams.credit_left(key);
        if state.write_queue.has_room(&mut spare, ticket) {
            return Poll::Ready(Ok(left));
        }
        // It is not halted, so this registers the waker.
        let _pending = state.streams.get().map(|streams| streams.poll_halted(key, &mut halted));
        drop(state);
        Poll::Pending
    }

    /// Whether the consumer has granted nothing more.
    pub(crate) fn lacks_credit(self, key: StreamKey) -> bool {
        let mut state = self.0.state();
        let left = state.streams.get().map(|streams| streams.credit_left(key));
        left.is_some_and(|left| left.items == 0 || left.bytes == 0)
    }

    /// Queues items, or the word that opens a result. They go without waiting: [`ProducerSide::poll_send`]
    /// has found credit and room.
    pub(crate) fn send_items(self, key: StreamKey, sent: Totals, text: Bytes) {
        let mut state = self.0.state();
        if state.life.ending().is_some() {
            return;
        }
        if state.streams.get().is_some_and(|streams| streams.spend_all(key, sent)) {
            state.write_queue.push(QueuedFrame::Items { key, bytes: sent.bytes, text });
        }
        drop(state);
        self.0.driver_waker.notify();
    }

    /// Ready when the producer must stop.
    pub(crate) fn poll_halted(self, key: StreamKey, cx: &Context<'_>) -> Poll<Halt> {
        let mut waker = Some(cx.waker().clone());
        let mut state = self.0.state();
        let polled = match state.streams.get() {
            Some(streams) => streams.poll_halted(key, &mut waker),
            None => Poll::Ready(Halt::CallOver),
        };
        drop(state);
        polled
    }

    /// Ends an argument whose producer is complete, or has failed with `error`.
    pub(crate) fn end_argument(self, key: StreamKey, error: Option<&ErrorObject>) {
        let mut state = self.0.state();
        let Some(streams) = state.streams.get() else { return };
        let (name, waker) = streams.end_argument(key);
        if let Some((id, stream)) = name {
            let mut word = WordText::done(id, stream);
            // An error object always serialises. Without it the argument would look complete.
            if error.is_none_or(|error| word.value(error).is_ok()) {
                push_word(&mut state, word.finish());
            }
        }
        drop(state);
        self.0.driver_waker.notify();
        drop(waker);
    }

    /// Leaves the line of those who wait for room.
    pub(crate) fn leave(self, ticket: &mut Option<Ticket>) {
        self.0.as_caller().leave(ticket);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::task::Waker;

    use super::*;
    use crate::config::Config;
    use crate::handshake::ConnectionInfo;
    use crate::message::RequestText;
    use crate::shared_state::SharedLimits;

    /// A call with an argument that is a stream, whose request is queued.
    fn call(max_queued_bytes: usize) -> (SharedState, StreamKey) {
        let config = Config::default().limits(|limits| limits.max_queued_bytes = max_queued_bytes);
        let info = ConnectionInfo::default().with_subprotocol("birpc.v1");
        let shared = SharedState::new(Arc::new(config), info, SharedLimits::default());
        let request = RequestText::encode("put", &()).expect("it serialises");
        let opened = shared.as_consumer().open_call(request, (None, &[1]), Waker::noop(), &mut None);
        let (_, _, streams) = opened.unwrap_or_else(|_| panic!("it is open"));
        (shared, streams.arguments[0])
    }

    fn send_queued(shared: &SharedState) {
        shared.as_driver().take_work(&mut VecDeque::new(), usize::MAX, 64);
    }

    #[test]
    fn an_argument_starts_when_its_request_is_sent() {
        let (shared, key) = call(1 << 20);
        let cx = Context::from_waker(Waker::noop());
        assert!(shared.as_producer().poll_started(key, &cx).is_pending());
        send_queued(&shared);
        assert_eq!(shared.as_producer().poll_started(key, &cx), Poll::Ready(Ok(())));
    }

    #[test]
    fn a_producer_waits_for_room_until_it_leaves_the_line() {
        let (shared, key) = call(1);
        send_queued(&shared);
        shared.as_driver().queue(QueuedFrame::Reply(Bytes::new()));
        let (mut ticket, cx) = (None, Context::from_waker(Waker::noop()));
        assert!(shared.as_producer().poll_send(key, &mut ticket, &cx).is_pending());
        assert!(ticket.is_some());
        shared.as_producer().leave(&mut ticket);
        assert!(ticket.is_none());
        send_queued(&shared);
        assert!(shared.as_producer().poll_send(key, &mut ticket, &cx).is_ready());
    }
}
