//! Middleware around outgoing calls: what a layer sees of a call, and the way on to the peer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde_json::value::RawValue;

use super::Peer;
use super::call_handle::Target;
use crate::error::CallError;
use crate::message::{EncodeError, Json, RequestText, SharedParams};

/// A call on its way out through the layers of a [`Peer`]. A cheap clone, as layers share the params, so that
/// it can be sent again.
#[derive(Clone)]
pub struct OutgoingCall {
    /// The handle without the layer that has this.
    peer: Peer,
    method: Arc<str>,
    params: Option<SharedParams>,
    idempotent: bool,
}

impl OutgoingCall {
    fn new(peer: Peer, method: &str, params: &dyn Json) -> Result<Self, EncodeError> {
        let params = params.to_raw()?;
        // `()` and `None` ask for no params.
        let params = Some(params).filter(|params| params.get() != "null");
        Ok(Self { peer, method: method.into(), params: params.map(SharedParams::of_raw), idempotent: false })
    }

    /// The request.
    pub(super) fn encode(&self) -> Result<RequestText, EncodeError> {
        RequestText::encode_text(&self.method, self.params.as_ref().map(SharedParams::as_str))
    }

    /// The method's wire name.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The params, an array or an object; `None` if there are none.
    #[must_use]
    pub fn params(&self) -> Option<&RawValue> {
        self.params.as_ref().and_then(SharedParams::as_raw)
    }

    /// Replaces the params.
    pub fn set_params(&mut self, params: Option<Box<RawValue>>) {
        self.params = params.map(SharedParams::of_raw);
    }

    /// Whether the method may run more than once: [`crate::Call::idempotent`] was called, or
    /// `#[rpc(idempotent)]` says so.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// The peer that is called. Calls made with it do not come through this layer again.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl fmt::Debug for OutgoingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingCall")
            .field("method", &self.method)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// A call on its way through the layers of a handle.
pub(super) type Running = Pin<Box<dyn Future<Output = Result<Box<RawValue>, CallError>> + Send>>;

/// The outermost layer of a handle, and those behind it.
pub(super) struct Layer {
    start: Box<dyn Fn(OutgoingCall) -> Running + Send + Sync>,
    behind: Option<Arc<Layer>>,
}

impl Layer {
    /// What is started with each call, before the layers behind it.
    pub(super) fn new(
        start: impl Fn(OutgoingCall) -> Running + Send + Sync + 'static,
        behind: Option<Arc<Layer>>,
    ) -> Self {
        Self { start: Box::new(start), behind }
    }
}

/// A call that goes through layers.
pub(super) enum Layered {
    New(Arc<Layer>, Result<OutgoingCall, EncodeError>),
    /// With the waker of who awaits it.
    Running(Running, Waker),
    Done,
}

impl Layered {
    pub(super) fn new(layer: Arc<Layer>, peer: &Peer, method: &str, params: &dyn Json) -> Self {
        let peer = Peer { layer: layer.behind.clone(), ..peer.clone() };
        Self::New(layer, OutgoingCall::new(peer, method, params))
    }

    /// What a layer sends on to the layer behind it. `Err` if there is none: the call is to be sent as it is.
    pub(super) fn behind(call: OutgoingCall) -> Result<Self, OutgoingCall> {
        match call.peer.layer.clone() {
            None => Err(call),
            Some(layer) => {
                let peer = Peer { layer: layer.behind.clone(), ..call.peer };
                Ok(Self::New(layer, Ok(OutgoingCall { peer, ..call })))
            }
        }
    }

    /// Starts the call with the timeout that its handle has by now, and goes on with it.
    pub(super) fn poll(
        &mut self,
        handle: &Peer,
        idempotent: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Box<RawValue>, CallError>> {
        let mut running = match std::mem::replace(self, Self::Done) {
            Self::New(layer, call) => {
                let mut call = call.map_err(CallError::unsendable)?;
                call.peer.timeout = handle.timeout;
                call.idempotent = idempotent;
                (layer.start)(call)
            }
            Self::Running(running, _) => running,
            Self::Done => return Poll::Pending,
        };
        let polled = running.as_mut().poll(cx);
        if polled.is_pending() {
            *self = Self::Running(running, cx.waker().clone());
        }
        polled
    }

    /// Where a handle finds this call.
    pub(super) fn target(&self) -> Target {
        match self {
            Self::New(..) => Target::Unsent,
            Self::Running(_, waker) => Target::Layered(waker.clone()),
            Self::Done => Target::Ended,
        }
    }

    /// The message of a call that has not started; it goes out past the layers.
    pub(super) fn take_frame(&mut self) -> Result<RequestText, EncodeError> {
        match std::mem::replace(self, Self::Done) {
            Self::New(_, call) => call.and_then(|call| call.encode()),
            // Dropped here, and so cancelled.
            Self::Running(..) | Self::Done => Err(EncodeError::AlreadySent),
        }
    }
}
