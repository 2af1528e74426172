//! What a client that reconnects needs to subscribe again, on its next connection.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Peer;
use super::call_handle::LazyHandle;
use super::call_streaming::CallStreaming;
use super::raw_call::RawCall;
use crate::close::CloseReason;
use crate::error::CallError;
use crate::message::{EncodeError, RequestText};
use crate::reconnecting::{Phase, Reconnecting};

/// The params of the call that subscribes again.
pub(super) enum Params {
    Same,
    /// Made from the text of the last item.
    FromLast(Box<FromLast>),
}

type FromLast = dyn FnMut(&str, Option<&[u8]>) -> Result<RequestText, EncodeError> + Send;

impl Params {
    pub(super) fn from_last<T, P>(mut params: impl FnMut(Option<T>) -> P + Send + 'static) -> Self
    where
        T: DeserializeOwned,
        P: Serialize,
    {
        Self::FromLast(Box::new(move |method, last| {
            // It has been decoded before.
            let last = last.and_then(|last| serde_json::from_slice(last).ok());
            RequestText::encode(method, &params(last))
        }))
    }
}

pub(super) struct Resubscribe {
    peer: Peer,
    reconnecting: Arc<Reconnecting>,
    params: Params,
    request: RequestText,
    streams: CallStreaming,
    /// Whether errors must not show the items.
    sensitive: bool,
    handle: LazyHandle,
    /// The text of the last item, if params are made from it.
    last: Option<Bytes>,
}

/// Why a call cannot be made again.
const NOT_IDEMPOTENT: &str = "to subscribe again, the method must be idempotent: `#[rpc(idempotent)]`, or \
                              `Call::idempotent` before `resubscribing`";
const ARGUMENTS: &str = "a call with arguments that are streams cannot subscribe again";

impl Resubscribe {
    /// For a call that was not polled. `None` if its peer does not reconnect.
    pub(super) fn new(call: &RawCall, params: Params) -> Result<Option<Box<Self>>, CallError> {
        if !call.idempotent {
            return Err(CallError::unsendable(NOT_IDEMPOTENT));
        }
        let (Some(request), Some(streams)) = (call.request(), call.streams()) else { return Ok(None) };
        if !streams.is_repeatable() {
            return Err(CallError::unsendable(ARGUMENTS));
        }
        let Some(reconnecting) = call.peer.endpoint.reconnecting().cloned() else { return Ok(None) };
        Ok(Some(Box::new(Self {
            peer: call.peer.clone(),
            reconnecting,
            params,
            request: request.clone(),
            streams: streams.again(),
            sensitive: call.sensitive,
            handle: call.handle_again(),
            last: None,
        })))
    }

    /// Records the item that the consumer gets.
    pub(super) fn note_item(&mut self, item: &Bytes) {
        if let Params::FromLast(_) = self.params {
            self.last = Some(item.clone());
        }
    }

    /// The handle of its calls.
    pub(super) fn handle(&self) -> &LazyHandle {
        &self.handle
    }

    /// Waits for another connection than the one with this id. Returns why the connection before it ended.
    /// `Err` if the client has ended.
    pub(super) fn connected(
        &self,
        after: u64,
    ) -> impl Future<Output = Result<Option<CloseReason>, CloseReason>> + Send + use<> {
        let reconnecting = self.reconnecting.clone();
        async move {
            let is_next = |reconnecting: &Reconnecting| {
                let standing = reconnecting.standing();
                match standing.phase {
                    Phase::Up if reconnecting.current().id() != after => Some(Ok(standing.lost)),
                    Phase::Ended(reason) => Some(Err(reason)),
                    Phase::Up | Phase::Down => None,
                }
            };
            reconnecting.until(is_next).await
        }
    }

    /// The call that subscribes again.
    pub(super) fn call(&mut self) -> Result<RawCall, CallError> {
        let request = match &mut self.params {
            Params::Same => self.request.clone(),
            Params::FromLast(params) => {
                let made = params(&self.request.method(), self.last.as_deref());
                made.map_err(CallError::unsendable)?
            }
        };
        let mut call = RawCall::again(self.peer.clone(), request, self.streams.again(), self.handle.again());
        call.sensitive = self.sensitive;
        Ok(call)
    }
}
