//! A call, with the type of its result.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::raw_call::RawCall;
use super::raw_reply::RawReply;
use super::{CallHandle, CalledBody, CalledResult, Notify, Peer};
use crate::error::{CallError, MethodResult};
use crate::message::{EncodeError, Json, RequestText};
use crate::streaming::{Sources, Streaming};

/// A call that is sent when it is first polled. Its output is the method's result.
///
/// # Cancel safety
/// Dropping it cancels the call: its entry is removed at once, a late reply is ignored, and the peer gets a
/// cancel message if the subprotocol has one (`rpc.cancel` in `birpc.v1`). A call that was never polled was
/// never sent.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<R> {
    raw: RawCall,
    result: PhantomData<fn() -> R>,
}

impl<R> Call<R> {
    /// A call of this result type, with the arguments that are streams.
    pub(super) fn of_params(peer: Peer, method: &str, params: &dyn Json, sources: Sources) -> Self
    where
        R: CalledResult,
    {
        let has_streams = <R as MethodResult>::Ok::IS_STREAM || !sources.is_empty();
        let raw = match has_streams {
            false => RawCall::new(peer, method, params),
            true => RawCall::with_streams(peer, method, params, <R as MethodResult>::Ok::IS_STREAM, sources),
        };
        Self { raw, result: PhantomData }
    }

    /// Sets a timeout for this call; see [`crate::Peer::with_timeout`].
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.raw.peer.timeout = Some(timeout);
        self
    }

    /// Sends the request as a notification: the peer runs the method and sends no reply.
    pub fn notify(mut self) -> Notify {
        let peer = self.raw.peer.clone();
        match self.raw.take_layered() {
            Some(layered) => Notify::behind_layers(peer, *layered),
            None => Notify::new(peer, self.into_frame().map(RequestText::finish_notification)),
        }
    }

    /// Allows a client that reconnects to send the request again if the connection ends after it was sent and
    /// before the reply: the method may run more than once. If the client does not reconnect, this has no
    /// effect. `#[rpc(idempotent)]` does the same for a method.
    pub fn idempotent(mut self) -> Self {
        self.raw.idempotent = true;
        self
    }

    /// Returns a handle that can cancel this call while its future is awaited elsewhere.
    #[must_use]
    pub fn handle(&self) -> CallHandle {
        self.raw.handle()
    }

    pub(super) fn is_sensitive(&self) -> bool {
        self.raw.sensitive
    }

    /// The request of a call that has not been polled.
    pub(super) fn into_frame(self) -> Result<RequestText, EncodeError> {
        self.raw.into_frame()
    }
}

/// Hides the result of a call from errors, because it is sensitive. For generated stubs.
pub fn sensitive<R>(mut call: Call<R>) -> Call<R> {
    call.raw.sensitive = true;
    call
}

impl<T, U, E> Call<Result<Streaming<T, U>, E>> {
    /// How much of the stream may be under way to this side before it is taken: so many items, and so many
    /// bytes of their JSON text; the item that passes the second is the last. The callee hears of room as
    /// items are taken. Default: [`crate::Limits::stream_window_items`] and
    /// [`crate::Limits::stream_window_bytes`].
    ///
    /// A large window serves a long way and a fast producer, a small one keeps what comes fresh. A window of
    /// nothing counts as one of one item. Of the bytes, all streams of a connection together have
    /// [`crate::Limits::max_stream_bytes`].
    ///
    /// ```
    /// # use birpc_core::{Call, ErrorObject, Streaming};
    /// # type Tail = Call<Result<Streaming<String>, ErrorObject>>;
    /// # async fn example(tail: Tail) -> Result<(), birpc_core::CallError> {
    /// let mut lines = tail.window(1024, 4 << 20).await?;
    /// # Ok(()) }
    /// ```
    pub fn window(mut self, items: usize, bytes: usize) -> Self {
        if let Some(streams) = &mut self.raw.streams {
            streams.set_window(items, bytes);
        }
        self
    }

    /// Bounds the time that the consumer of the stream waits for an item, from when it begins to wait. A
    /// stream that exceeds it ends as [`StreamError::TimedOut`](crate::StreamError::TimedOut), and its call
    /// is cancelled. The opening is bounded by [`Call::with_timeout`].
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        if let Some(streams) = &mut self.raw.streams {
            streams.set_idle_timeout(timeout);
        }
        self
    }
}

impl<R: MethodResult<Ok: CalledBody>> Future for Call<R> {
    type Output = Result<R::Ok, CallError<R::Err>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.raw.poll(cx).map(typed::<R>)
    }
}

/// Converts the outcome to the types that the caller expects.
pub(super) fn typed<R: MethodResult<Ok: CalledBody>>(
    outcome: Result<RawReply, CallError>,
) -> Result<R::Ok, CallError<R::Err>> {
    match outcome {
        Ok(reply) => R::Ok::from_reply(reply).map_err(CallError::Undecodable),
        Err(error) => Err(error.typed()),
    }
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
