//! A stream that the peer produces: the result of an outgoing call, or an argument of an incoming one.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::Stream;
use serde::de::DeserializeOwned;

use super::Peer;
use super::call_handle::LazyHandle;
use super::consumed::Consumed;
use super::deadline::Deadline;
use super::undecodable::undecodable;
use crate::close::CloseReason;
use crate::error::{ErrorDetail, RpcError};
use crate::message::{Answer, Totals};
use crate::multiplexer::{NextUpdate, StreamEnd};
use crate::observe::{End, Observed, ObservedStream};
use crate::served_call::{Nested, ServedCall, Wait};
use crate::shared_state::SharedState;
use crate::streaming::{StreamError, StreamParam, Streaming};

/// A stream whose items are texts that are not decoded yet.
pub(super) struct RawStream {
    shared: Arc<SharedState>,
    consumed: Consumed,
    over: bool,
    /// Set until its end is reported; reported before the call that it belongs to.
    observed: Option<ObservedStream>,
    /// The outgoing call whose result this stream is.
    call: Option<Box<OwnCall>>,
    idle: Option<Duration>,
    /// Set while the consumer waits for an item.
    deadline: Option<Deadline>,
    /// Set while a handler waits for an item. It holds no slot meanwhile.
    wait: Option<Wait>,
}

/// The parts of an outgoing call that live as long as its result stream.
pub(super) struct OwnCall {
    pub(super) id: u64,
    /// Keeps a client's connection open.
    pub(super) _peer: Peer,
    /// Cancels the call when the incoming call that caused it is cancelled.
    pub(super) _nested: Option<Nested>,
    /// The application may still cancel the call with this handle.
    pub(super) _handle: LazyHandle,
    /// Whether errors must not quote the items.
    pub(super) sensitive: bool,
    /// Ends with the stream.
    pub(super) observed: Option<Observed>,
}

/// The result of polling a stream.
pub(super) enum RawNext {
    Item(Bytes),
    /// So many items are missing here, of a subscription that drops the oldest.
    Missed(u64),
    End(StreamEnd),
    TimedOut,
}

/// Returns the stream that this number represents in the params of an incoming call. `None` if the call has
/// no such stream, or another parameter has taken it.
pub(crate) fn argument_stream<T, E>(call: &Arc<ServedCall>, wire: StreamParam) -> Option<Streaming<T, E>>
where
    T: DeserializeOwned + Send + 'static,
    E: RpcError,
{
    let streams = call.streams()?;
    let key = streams.claim(wire.stream)?;
    let observed = streams.items().consumed(call.shared.meters());
    let stream = RawStream::new(call.shared.clone(), Consumed::Stream(key), None, None);
    Some(stream.observed(Some(observed)).typed())
}

impl RawStream {
    pub(super) fn new(
        shared: Arc<SharedState>,
        consumed: Consumed,
        call: Option<OwnCall>,
        idle: Option<Duration>,
    ) -> Self {
        let call = call.map(Box::new);
        Self { shared, consumed, over: false, observed: None, call, idle, deadline: None, wait: None }
    }

    /// Reports the stream.
    pub(super) fn observed(mut self, observed: Option<ObservedStream>) -> Self {
        self.observed = observed;
        self
    }

    /// Converts to the types that the consumer expects.
    pub(super) fn typed<T, E>(self) -> Streaming<T, E>
    where
        T: DeserializeOwned + Send + 'static,
        E: RpcError,
    {
        Streaming::new(Typed { raw: self, types: PhantomData::<fn() -> (T, E)> })
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<RawNext> {
        if self.over {
            return Poll::Pending;
        }
        let id = self.call.as_ref().map(|call| call.id);
        let next = match self.consumed.poll_next(&self.shared, id, cx) {
            Poll::Ready(NextUpdate::Item(item)) => {
                if let Some(observed) = &mut self.observed {
                    observed.count(Totals { items: 1, bytes: item.len() as u64 });
                }
                RawNext::Item(item)
            }
            Poll::Ready(NextUpdate::Missed(missed)) => RawNext::Missed(missed),
            Poll::Ready(NextUpdate::End(end)) => {
                self.over = true;
                self.report_end(End::of_consumed(&end));
                RawNext::End(end)
            }
            Poll::Pending => {
                if let Some(observed) = &mut self.observed {
                    observed.report();
                }
                if !self.is_idle_for_too_long(cx) {
                    self.wait = self.wait.take().or_else(Wait::begin);
                    return Poll::Pending;
                }
                self.report_end(End::TimedOut);
                self.give_up("no item came in time");
                RawNext::TimedOut
            }
        };
        if self.wait.is_some() || self.deadline.is_some() {
            (self.wait, self.deadline) = (None, None);
        }
        Poll::Ready(next)
    }

    fn is_idle_for_too_long(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(idle) = self.idle else { return false };
        self.deadline.get_or_insert_with(|| Deadline::after(&self.shared, idle)).poll(cx).is_ready()
    }

    /// Reports how the stream has ended, and the call with it whose result it was.
    fn report_end(&mut self, end: End) {
        if let Some(observed) = self.observed.take() {
            if !matches!(end, End::Answered(Answer::Result) | End::Cancelled) {
                let (connection, method) = (self.shared.id(), observed.method());
                tracing::debug!(connection, method, outcome = %end, "a stream of the peer failed");
            }
            observed.end(end);
        }
        if let Some(call) = self.call.as_mut().and_then(|call| call.observed.take()) {
            call.end(end);
        }
    }

    fn give_up(&mut self, why: &str) {
        if !std::mem::replace(&mut self.over, true) {
            let id = self.call.as_ref().map(|call| call.id);
            self.consumed.drop_consumer(&self.shared, id, why);
        }
    }

    /// The connection.
    pub(super) fn shared(&self) -> &Arc<SharedState> {
        &self.shared
    }

    /// Decodes an item, or ends the stream.
    pub(super) fn decode<T: DeserializeOwned>(&mut self, item: &[u8]) -> Result<T, ErrorDetail> {
        serde_json::from_slice(item).map_err(|error| {
            self.report_end(End::Undecodable);
            self.give_up("an item of its stream does not decode");
            let sensitive = self.call.as_ref().is_some_and(|call| call.sensitive);
            undecodable("item", &error, item, sensitive)
        })
    }

    /// An end that is not complete, as its consumer gets it.
    pub(super) fn error<E: RpcError>(&self, end: StreamEnd) -> Option<StreamError<E>> {
        StreamError::of_end(end, || reason_of(&self.shared))
    }
}

/// Why a connection has ended.
pub(super) fn reason_of(shared: &SharedState) -> CloseReason {
    shared.as_life().why_ended()
}

impl Drop for RawStream {
    fn drop(&mut self) {
        self.give_up("its consumer dropped it");
    }
}

impl fmt::Debug for RawStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawStream").finish_non_exhaustive()
    }
}

/// A stream with the types that the consumer expects.
struct Typed<T, E> {
    raw: RawStream,
    types: PhantomData<fn() -> (T, E)>,
}

impl<T: DeserializeOwned, E: RpcError> Stream for Typed<T, E> {
    type Item = Result<T, StreamError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let raw = &mut self.raw;
        raw.poll(cx).map(|next| match next {
            RawNext::Item(item) => Some(raw.decode(&item).map_err(StreamError::Undecodable)),
            RawNext::Missed(missed) => Some(Err(StreamError::Lagged { missed })),
            RawNext::TimedOut => Some(Err(StreamError::TimedOut)),
            RawNext::End(end) => raw.error(end).map(Err),
        })
    }
}
