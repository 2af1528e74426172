//! The shared state, as the consumers of streams use it: results of this side's calls, and arguments of the
//! peer's. Each operation changes the table and queues the message for the peer under the lock, and wakes
//! tasks after the lock is released.

use std::task::{Context, Poll, Waker};

use super::streams::{push_word, wake};
use super::{SharedState, State, Ticket};
use crate::close::CloseReason;
use crate::message::{RequestText, Totals, WordText};
use crate::multiplexer::{CallStreams, Farewell, Grant, Next, Outcome, StreamEnd, StreamKey, StreamName};

/// The operations of code that calls methods with streams, and of consumers.
#[derive(Clone, Copy)]
pub(crate) struct ConsumerSide<'a>(&'a SharedState);

/// A call with streams that has been entered: its id, its request if there was no room for that, and its
/// streams.
pub(crate) type StreamCall = (u64, Option<RequestText>, CallStreams);

/// The result of opening a call's result stream.
pub(crate) enum Opening {
    Opened,
    /// The call has ended first. The flag says whether its request had been sent.
    Ended(Outcome, bool),
}

impl<'a> ConsumerSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    /// [`super::caller::CallerSide::open_call`] for a call with streams. `window` is set if the result is a
    /// stream. `arguments` are the numbers of the arguments that are streams.
    pub(crate) fn open_call(
        self,
        request: RequestText,
        (window, arguments): (Option<Totals>, &[u16]),
        waiter: &Waker,
        ticket: &mut Option<Ticket>,
    ) -> Result<StreamCall, (CloseReason, RequestText)> {
        let limits = &self.0.config.limits;
        self.0.as_caller().open_call_with(request, waiter, ticket, |state, id| {
            state.streams.or_new(limits).open_call(id, window, arguments).0
        })
    }

    /// Ready once the result of a call is open, or the call has ended. `or_value`: a result that was not
    /// opened is a value, and not an empty stream.
    pub(crate) fn poll_opening(
        self,
        id: u64,
        key: StreamKey,
        or_value: bool,
        cx: &Context<'_>,
    ) -> Poll<Opening> {
        let (mut opener, mut spare) = (Some(cx.waker().clone()), Some(cx.waker().clone()));
        let mut state = self.0.state();
        let streams = state.streams.get();
        let is_open = matches!(streams.map(|it| it.poll_open(key, &mut opener)), Some(Poll::Ready(Ok(()))));
        if is_open && !or_value {
            drop(state);
            return Poll::Ready(Opening::Opened);
        }
        let polled = state.calls.poll(id, cx.waker(), &mut spare);
        drop(state);
        match polled {
            Some(Poll::Ready((Outcome::Result(value), sent))) if or_value => {
                Poll::Ready(Opening::Ended(Outcome::Result(value), sent))
            }
            // An empty stream.
            Some(Poll::Ready((Outcome::Result(_), _))) => Poll::Ready(Opening::Opened),
            // The call of a stream that has ended already is removed.
            _ if is_open => Poll::Ready(Opening::Opened),
            Some(Poll::Ready((outcome, sent))) => Poll::Ready(Opening::Ended(outcome, sent)),
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }

    /// The next item or the end of a stream. `id` is the outgoing call whose result it is.
    pub(crate) fn poll_next(self, key: StreamKey, id: Option<u64>, cx: &Context<'_>) -> Poll<Next> {
        // Mostly there is an item. A waker that was registered before is dropped outside of the lock.
        let mut waker = None;
        let mut state = self.0.state();
        let (mut next, mut told) = take(&mut state, key, &mut waker);
        if next.is_pending() {
            // Cloning and dropping a waker runs code of the executor, so both happen outside of the lock.
            drop(state);
            waker = Some(cx.waker().clone());
            state = self.0.state();
            let (polled, told_more) = take(&mut state, key, &mut waker);
            (next, told) = (polled, told | told_more);
        }
        if matches!(next, Poll::Ready(Next::Item(_))) && !told {
            return next;
        }
        let removed = match (&next, id) {
            (Poll::Ready(Next::End(_)), Some(id)) => Some(state.calls.remove(id)),
            _ => None,
        };
        drop(state);
        drop(removed);
        if told {
            self.0.driver_waker.notify();
        }
        next
    }

    /// Stops a stream whose consumer was dropped, or cannot decode an item. `id` is the outgoing call whose
    /// result it is.
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
        self.0.driver_waker.notify();
        wake(woken);
    }
}

/// The next item or the end of a stream, and whether a grant was queued.
#[inline]
fn take(state: &mut State, key: StreamKey, waker: &mut Option<Waker>) -> (Poll<Next>, bool) {
    let Some(streams) = state.streams.get() else {
        return (Poll::Ready(Next::End(StreamEnd::Disconnected)), false);
    };
    let (next, grant) = streams.poll_next(key, waker);
    (next, grant.is_some_and(|grant| tell(state, &grant)))
}

/// Queues a grant.
#[cold]
fn tell(state: &mut State, grant: &Grant) -> bool {
    match &grant.name {
        StreamName::Outgoing(id, None) => push_word(state, WordText::more(*id, grant.total)),
        StreamName::Incoming(id, Some(stream)) => push_word(state, WordText::want(id, *stream, grant.total)),
        // This side produces these.
        StreamName::Outgoing(_, Some(_)) | StreamName::Incoming(_, None) | StreamName::Subscription(_) => {
            return false;
        }
    }
    true
}
