//! A call that is encoded once, and made to many peers.

use std::marker::PhantomData;
use std::time::Duration;

use serde_json::value::RawValue;

use super::call::typed;
use super::raw_call::RawCall;
use super::raw_reply::RawReply;
use super::{Call, CalledResult, Peer};
use crate::error::CallError;
use crate::message::RequestText;

/// The request of a call without its id. Each peer's connection adds its own id.
pub(crate) struct CallTemplate<R> {
    request: RequestText,
    sensitive: bool,
    result: PhantomData<fn() -> R>,
}

impl<R: CalledResult> CallTemplate<R> {
    /// `Err` if the call cannot be sent: it does not serialise, is larger than `limit` bytes, or has streams
    /// or progress, which belong to one connection.
    pub(crate) fn new(call: Call<R>, limit: usize) -> Result<Self, CallError> {
        let sensitive = call.is_sensitive();
        let request = call.into_frame().and_then(|request| request.within(limit));
        Ok(Self { request: request.map_err(CallError::unsendable)?, sensitive, result: PhantomData })
    }

    /// A call to be made for another server.
    pub(crate) fn of_request(request: RequestText, sensitive: bool) -> Self {
        Self { request, sensitive, result: PhantomData }
    }

    /// The request, and whether errors must not show the result.
    pub(crate) fn request(&self) -> (&RequestText, bool) {
        (&self.request, self.sensitive)
    }

    /// The outcome of the call, of a peer that is connected to another server.
    pub(crate) fn typed(
        &self,
        outcome: Result<Box<RawValue>, CallError>,
    ) -> Result<R::Ok, CallError<R::Err>> {
        typed::<R>(outcome.map(|result| RawReply::of_layer(result, self.sensitive)))
    }

    /// The size of a request, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.request.expected_len()
    }

    /// The call to a peer, with this timeout.
    pub(crate) fn call(&self, peer: Peer, timeout: Duration) -> Call<R> {
        let peer = peer.with_timeout(timeout);
        Call::of_raw(RawCall::of_request(peer, self.request.clone(), self.sensitive))
    }
}
