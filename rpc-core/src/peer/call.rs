//! A call, with the type of its result.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::raw_call::RawCall;
use super::raw_reply::RawReply;
use super::{CallHandle, Notify};
use crate::error::{CallError, MethodResult};
use crate::message::{EncodeError, RequestText};

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
    pub(super) fn new(raw: RawCall) -> Self {
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

impl<R: MethodResult<Ok: DeserializeOwned>> Future for Call<R> {
    type Output = Result<R::Ok, CallError<R::Err>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.raw.poll(cx).map(typed::<R>)
    }
}

/// Converts the outcome to the types that the caller expects.
pub(super) fn typed<R: MethodResult<Ok: DeserializeOwned>>(
    outcome: Result<RawReply, CallError>,
) -> Result<R::Ok, CallError<R::Err>> {
    match outcome {
        Ok(reply) => reply.decode().map_err(CallError::Undecodable),
        Err(error) => Err(error.typed()),
    }
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
