//! Middleware around outgoing calls: the call as a layer sees it, and the chain of layers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde_json::value::RawValue;

use super::Peer;
use super::call_handle::Target;
use super::call_progress::CallProgress;
use crate::error::CallError;
use crate::message::{EncodeError, Json, RequestText, SharedParams};

/// An outgoing call on its way through the layers of a [`Peer`]. A clone is cheap, since clones share the
/// params, so a layer can send a call again.
#[derive(Clone)]
pub struct OutgoingCall {
    /// The handle without the layer that has this call.
    peer: Peer,
    method: Arc<str>,
    params: Option<SharedParams>,
    idempotent: bool,
    notification: bool,
    /// Whether errors must not show the result.
    sensitive: bool,
    progress: Option<Box<CallProgress>>,
}

impl OutgoingCall {
    fn new(peer: Peer, method: &str, params: &dyn Json) -> Result<Self, EncodeError> {
        let params = params.to_raw()?;
        // `()` and `None` mean that there are no params.
        let params = Some(params).filter(|params| params.get() != "null");
        Ok(Self {
            peer,
            method: method.into(),
            params: params.map(SharedParams::of_raw),
            idempotent: false,
            notification: false,
            sensitive: false,
            progress: None,
        })
    }

    /// The settings of the call's progress, if its caller asks for reports. They are for another request of
    /// the call.
    pub(super) fn progress(&self) -> Option<CallProgress> {
        self.progress.as_ref().map(|progress| progress.again())
    }

    pub(super) fn is_sensitive(&self) -> bool {
        self.sensitive
    }

    /// Encodes the request.
    pub(super) fn encode(&self) -> Result<RequestText, EncodeError> {
        RequestText::encode_text(&self.method, self.params.as_ref().map(SharedParams::as_str))
    }

    /// The method's wire name.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The params: an array or an object, or `None` if there are none.
    #[must_use]
    pub fn params(&self) -> Option<&RawValue> {
        self.params.as_ref().and_then(SharedParams::as_raw)
    }

    /// Replaces the params.
    pub fn set_params(&mut self, params: Option<Box<RawValue>>) {
        self.params = params.map(SharedParams::of_raw);
    }

    /// Whether it is a notification, which gets no reply. The service behind a layer returns `null` for it as
    /// soon as the message is in the connection's queue. What a layer returns is ignored unless it is an
    /// error.
    #[must_use]
    pub fn is_notification(&self) -> bool {
        self.notification
    }

    /// Whether the method may run more than once, because of [`crate::Call::idempotent`] or
    /// `#[rpc(idempotent)]`.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// The peer to be called. Calls that are made with it do not pass through this layer again.
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

/// The future of a call that runs through the layers of a handle.
pub(super) type Running = Pin<Box<dyn Future<Output = Result<Box<RawValue>, CallError>> + Send>>;

/// The outermost layer of a handle, with those behind it.
pub(super) struct Layer {
    start: Box<dyn Fn(OutgoingCall) -> Running + Send + Sync>,
    behind: Option<Arc<Layer>>,
}

impl Layer {
    /// Creates a layer that starts a future for each call, before the layers behind it.
    pub(super) fn new(
        start: impl Fn(OutgoingCall) -> Running + Send + Sync + 'static,
        behind: Option<Arc<Layer>>,
    ) -> Self {
        Self { start: Box::new(start), behind }
    }
}

/// A call that passes through layers.
pub(super) enum Layered {
    New(Arc<Layer>, Result<OutgoingCall, EncodeError>),
    /// With the waker of the task that awaits it.
    Running(Running, Waker),
    Done,
}

impl Layered {
    pub(super) fn new(layer: Arc<Layer>, peer: &Peer, method: &str, params: &dyn Json) -> Self {
        let peer = Peer { layer: layer.behind.clone(), ..peer.clone() };
        Self::New(layer, OutgoingCall::new(peer, method, params))
    }

    /// Whether it was not polled.
    pub(super) fn is_new(&self) -> bool {
        matches!(self, Self::New(..))
    }

    /// The same as a notification.
    pub(super) fn into_notification(mut self) -> Self {
        if let Self::New(_, Ok(call)) = &mut self {
            call.notification = true;
        }
        self
    }

    /// Asks for reports of the call's progress.
    pub(super) fn set_progress(&mut self, progress: CallProgress) {
        if let Self::New(_, Ok(call)) = self {
            call.progress = Some(Box::new(progress));
        }
    }

    /// Passes a call to the layer behind. `Err` if there is none: the call is to be sent itself.
    pub(super) fn behind(call: OutgoingCall) -> Result<Self, OutgoingCall> {
        match call.peer.layer.clone() {
            None => Err(call),
            Some(layer) => {
                let peer = Peer { layer: layer.behind.clone(), ..call.peer };
                Ok(Self::New(layer, Ok(OutgoingCall { peer, ..call })))
            }
        }
    }

    /// Starts the call with the current timeout of its handle and the marks of its caller, and polls it.
    pub(super) fn poll(
        &mut self,
        handle: &Peer,
        idempotent: bool,
        sensitive: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Box<RawValue>, CallError>> {
        let mut running = match std::mem::replace(self, Self::Done) {
            Self::New(layer, call) => {
                let mut call = call.map_err(CallError::unsendable)?;
                call.peer.timeout = handle.timeout;
                (call.idempotent, call.sensitive) = (idempotent, sensitive);
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

    /// The state of this call for its handle.
    pub(super) fn target(&self) -> Target {
        match self {
            Self::New(..) => Target::Unsent,
            Self::Running(_, waker) => Target::Layered(waker.clone()),
            Self::Done => Target::Ended,
        }
    }

    /// The message of a call that has not started. It is sent without passing through the layers.
    pub(super) fn take_frame(&mut self) -> Result<RequestText, EncodeError> {
        match std::mem::replace(self, Self::Done) {
            Self::New(_, call) => call.and_then(|call| call.encode()),
            // The call is dropped here, and so cancelled.
            Self::Running(..) | Self::Done => Err(EncodeError::AlreadySent),
        }
    }
}
