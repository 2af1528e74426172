//! The link as producers and consumers of streams see it. Each step changes the table, queues what the peer
//! is to be told of it, and wakes whom it concerns once the lock is free.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::caller::push_call;
use super::{QueuedFrame, SharedState, State, Ticket};
use crate::close::CloseReason;
use crate::message::{Elements, ErrorObject, Id, RequestText, Totals, Word, WordText};
use crate::multiplexer::{
    CallStreams, Failed, Farewell, Grant, Halt, Next, Outcome, StreamEnd, StreamKey, StreamLimits,
    StreamName, TooManyStreams,
};

/// The streams of a connection.
#[derive(Clone, Copy)]
pub(crate) struct StreamSide<'a>(&'a SharedState);

impl<'a> StreamSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }
}

/// A call with streams that has been entered: its id, its request if there was no room for that, and its
/// streams.
pub(crate) type StreamCall = (u64, Option<RequestText>, CallStreams);

/// How far the opening of a call's result is.
pub(crate) enum Opening {
    Opened,
    /// The call has ended first; whether its request had been sent.
    Ended(Outcome, bool),
}

/// Calls of ours.
impl StreamSide<'_> {
    /// As [`super::caller::CallerSide::open_call`], of a call with streams: the window of its result, if that
    /// is one, and the numbers of its arguments.
    pub(crate) fn open_call(
        self,
        request: RequestText,
        (window, arguments): (Option<Totals>, &[u16]),
        waiter: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> Result<StreamCall, (CloseReason, RequestText)> {
        let entered = waiter.clone();
        let (mut spare, mut state) = self.0.state_with(waiter, |_| true);
        if let Some(reason) = state.life.ending() {
            return Err((reason.clone(), request));
        }
        let id = state.calls.insert(entered);
        let limits = self.limits();
        let (streams, _) = state.streams.or_new(limits).open_call(id, window, arguments);
        let left = push_call(&mut state, id, request, &mut spare, ticket);
        drop(state);
        self.0.notify_driver();
        Ok((id, left, streams))
    }

    /// Ready once the result of a call is open, or the call has ended.
    pub(crate) fn poll_opening(self, id: u64, key: StreamKey, cx: &Context<'_>) -> Poll<Opening> {
        let (mut opener, mut spare) = (Some(cx.waker().clone()), Some(cx.waker().clone()));
        let mut state = self.0.state();
        let streams = state.streams.get();
        if let Some(Poll::Ready(Ok(()))) = streams.map(|streams| streams.poll_open(key, &mut opener)) {
            drop(state);
            return Poll::Ready(Opening::Opened);
        }
        let polled = state.calls.poll(id, cx.waker(), &mut spare);
        drop(state);
        match polled {
            // An empty stream.
            Some(Poll::Ready((Outcome::Result(_), _))) => Poll::Ready(Opening::Opened),
            Some(Poll::Ready((outcome, sent))) => Poll::Ready(Opening::Ended(outcome, sent)),
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }

    /// The next item, or the end, of what is consumed here. `id` is that of the call of ours whose result it
    /// is.
    pub(crate) fn poll_next(self, key: StreamKey, id: Option<u64>, cx: &Context<'_>) -> Poll<Next> {
        // To clone a waker, and to drop one, is the executor's code, which must not run under the lock.
        let mut waker = None;
        if !self.0.state().streams.get().is_none_or(|streams| streams.has_next(key)) {
            waker = Some(cx.waker().clone());
        }
        let mut state = self.0.state();
        let Some(streams) = state.streams.get() else {
            return Poll::Ready(Next::End(StreamEnd::Disconnected));
        };
        let (next, grant) = streams.poll_next(key, &mut waker);
        let told = grant.is_some_and(|grant| tell(&mut state, &grant));
        let removed = match (&next, id) {
            (Poll::Ready(Next::End(_)), Some(id)) => Some(state.calls.remove(id)),
            _ => None,
        };
        drop(state);
        drop(removed);
        if told {
            self.0.notify_driver();
        }
        next
    }

    /// The consumer is gone, or cannot read what comes. `id` is that of the call whose result it consumed.
    pub(crate) fn drop_consumer(self, key: StreamKey, id: Option<u64>, why: &str) {
        let mut state = self.0.state();
        let Some(streams) = state.streams.get() else { return };
        let (farewell, woken) = streams.drop_receiving(key);
        let removed = id.map(|id| state.calls.remove(id));
        match farewell {
            Farewell::Nothing => {}
            Farewell::Cancel(id) => {
                if removed.as_ref().is_some_and(|removed| removed.sent) {
                    state.tell_cancelled(&self.0.dialect, id, why);
                }
            }
            Farewell::Stop(id, stream) => push_word(&mut state, WordText::stop(&id, stream)),
        }
        drop(state);
        drop(removed);
        self.0.notify_driver();
        wake(woken);
    }
}

/// What is produced here.
impl StreamSide<'_> {
    /// The handler has returned its result, which is a stream; see `Streams::open_result`.
    pub(crate) fn open_result(self, key: StreamKey, endless: bool) -> bool {
        let mut state = self.0.state();
        state.streams.get().is_some_and(|streams| streams.open_result(key, endless))
    }

    /// Ready once the request of an argument has been sent.
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

    /// Ready with what may go in one message, when there is credit and room for it.
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
        let polled = state.streams.get().map(|streams| streams.poll_halted(key, &mut halted));
        drop(state);
        match polled {
            Some(Poll::Ready(halt)) => Poll::Ready(Err(halt)),
            _ => Poll::Pending,
        }
    }

    /// Queues items, or the word that opens a result. They go without waiting: [`StreamSide::poll_send`] has
    /// found credit and room.
    pub(crate) fn send_items(self, key: StreamKey, sent: Totals, text: Bytes) {
        let mut state = self.0.state();
        if state.life.ending().is_some() {
            return;
        }
        if state.streams.get().is_some_and(|streams| streams.spend_all(key, sent)) {
            state.write_queue.push(QueuedFrame::Items { key, bytes: sent.bytes, text });
        }
        drop(state);
        self.0.notify_driver();
    }

    /// Ready when the producer is to stop.
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

    /// The producer of an argument is over, with an error or complete.
    pub(crate) fn end_argument(self, key: StreamKey, error: Option<&ErrorObject>) {
        let mut state = self.0.state();
        let Some(streams) = state.streams.get() else { return };
        let (name, waker) = streams.end_argument(key);
        if let Some((id, stream)) = name {
            let mut word = WordText::done(id, stream);
            // An error object always serialises; without it the end would read as a complete one.
            if error.is_none_or(|error| word.value(error).is_ok()) {
                push_word(&mut state, word.finish());
            }
        }
        drop(state);
        self.0.notify_driver();
        drop(waker);
    }

    /// Gives up a place among those who wait for room.
    pub(crate) fn leave(self, ticket: &mut Option<Ticket>) {
        self.0.as_caller().leave(ticket);
    }
}

/// The connection's task.
impl StreamSide<'_> {
    /// Enters the streams of a call of the peer.
    pub(crate) fn accept_call(
        self,
        id: &Id,
        credit: Option<Totals>,
        arguments: &[u16],
    ) -> Result<CallStreams, TooManyStreams> {
        let limits = self.limits();
        self.0.state().streams.or_new(limits).accept_call(id, credit, arguments)
    }

    /// The call of the peer is answered.
    pub(crate) fn finish_call(self, id: &Id) {
        let mut state = self.0.state();
        let woken = state.streams.get().map(|streams| streams.finish_call(id)).unwrap_or_default();
        drop(state);
        wake(woken);
    }

    /// The call was cancelled by the peer, or has failed.
    pub(crate) fn cancel_incoming(self, id: &Id) {
        let mut state = self.0.state();
        let woken = state.streams.get().map(|streams| streams.cancel_incoming(id)).unwrap_or_default();
        drop(state);
        wake(woken);
    }

    /// Takes a word of the peer's, which stands in `text`. Gives the call of the peer's that fails by it.
    pub(crate) fn handle_word(self, word: Word<'_>, text: &Bytes) -> Option<(Id, Failed)> {
        let (mut woken, mut failed) = (Vec::new(), None);
        let mut state = self.0.state();
        let streams = state.streams.get()?;
        match word {
            Word::Item { id, items } => {
                let id = id.as_number()?;
                let received = streams.handle_items(id, texts(items, text));
                woken.extend(received.waker.into_iter().chain(received.others));
                if received.excess {
                    let removed = state.calls.remove(id);
                    if removed.sent {
                        state.tell_cancelled(&self.0.dialect, id, "its stream sent more than was granted");
                    }
                    woken.extend(removed.waiter);
                }
            }
            Word::More { id, total } => woken.extend(streams.handle_more(&id, total)),
            Word::Push { id, stream, items } => {
                let pushed = streams.handle_push(&id, stream, texts(items, text));
                woken.extend(pushed.waker.into_iter().chain(pushed.others));
                failed = pushed.failed.map(|why| (id, why));
            }
            Word::Done { id, stream, error } => woken.extend(streams.handle_done(&id, stream, error)),
            Word::Want { id, stream, total } => {
                woken.extend(id.as_number().and_then(|id| streams.handle_want(id, stream, total)));
            }
            Word::Stop { id, stream } => {
                woken.extend(id.as_number().and_then(|id| streams.handle_stop(id, stream)));
            }
            Word::Allow { .. } => {}
        }
        drop(state);
        wake(woken);
        self.0.notify_driver();
        failed
    }

    /// This side drains: streams that would never end by themselves do.
    pub(crate) fn drain(self) {
        let mut state = self.0.state();
        let woken = state.streams.get().map(|streams| streams.drain()).unwrap_or_default();
        drop(state);
        wake(woken);
    }

    /// Streams that are produced here, and those that are consumed.
    #[allow(dead_code)] // for metrics and tests
    pub(crate) fn count(self) -> (usize, usize) {
        self.0.state().streams.get().map_or((0, 0), |streams| streams.len())
    }

    fn limits(self) -> StreamLimits {
        let limits = &self.0.config.limits;
        let (items, bytes) = (limits.stream_window_items, limits.stream_window_bytes);
        StreamLimits {
            max_streams: limits.max_streams,
            max_stream_bytes: limits.max_stream_bytes as u64,
            window: Totals { items: items as u64, bytes: bytes as u64 },
        }
    }
}

/// Items as slices of one copy of their message, or of the message itself if that is large.
fn texts<'a>(items: Elements<'a>, text: &'a Bytes) -> impl Iterator<Item = Bytes> + 'a {
    /// As for results.
    const COPY_BELOW: usize = 2 << 10;
    let kept = if text.len() < COPY_BELOW { Bytes::copy_from_slice(text) } else { text.clone() };
    let start = text.as_ptr() as usize;
    items.map(move |item| {
        let at = item.as_ptr() as usize - start;
        kept.slice(at..at + item.len())
    })
}

fn wake(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

/// Queues a word, unless nothing can be sent any more.
fn push_word(state: &mut State, text: Bytes) {
    if state.life.ending().is_none() {
        state.write_queue.push(QueuedFrame::Reply(text));
    }
}

/// Queues a new total.
fn tell(state: &mut State, grant: &Grant) -> bool {
    match &grant.name {
        StreamName::Outgoing(id, None) => push_word(state, WordText::more(*id, grant.total)),
        StreamName::Incoming(id, Some(stream)) => push_word(state, WordText::want(id, *stream, grant.total)),
        // Those that are produced here.
        StreamName::Outgoing(_, Some(_)) | StreamName::Incoming(_, None) => return false,
    }
    true
}
