//! Middleware around outgoing calls: what a layer sees of a call, and the way on to the peer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde_json::value::RawValue;
use tower_service::Service;

use super::Peer;
use super::call_handle::Target;
use super::raw_call::{RawCall, State};
use crate::error::CallError;
use crate::message::{EncodeError, ErrorObject, Json, RequestText, SharedParams};
use crate::oneshot::{BoxError, Oneshot};

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

/// The service that the layers of a [`Peer`] are put around: the rest of the way to the peer. Each call of it
/// is a request on the wire, bounded by the timeout of the handle that the call was made with. It is always
/// ready; what waits for room in the connection's queue is the call.
#[derive(Clone, Debug)]
pub struct Caller(());

impl Service<OutgoingCall> for Caller {
    type Response = Box<RawValue>;
    type Error = CallError;
    type Future = CallerFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: OutgoingCall) -> Self::Future {
        CallerFuture { raw: RawCall::of_layer(call) }
    }
}

/// A call on its way from a layer to the peer, through the layers behind. Dropping it cancels the call.
#[must_use = "a call is sent when it is awaited"]
pub struct CallerFuture {
    raw: RawCall,
}

impl Future for CallerFuture {
    type Output = Result<Box<RawValue>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.raw.poll(cx).map(|ended| ended?.into_raw().map_err(CallError::Undecodable))
    }
}

impl fmt::Debug for CallerFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerFuture").finish_non_exhaustive()
    }
}

impl RawCall {
    /// What a layer sends on: to the layer behind it, or as a request.
    fn of_layer(call: OutgoingCall) -> Self {
        let OutgoingCall { mut peer, method, params, idempotent } = call;
        let state = match peer.layer.take() {
            None => State::New(RequestText::encode_text(&method, params.as_ref().map(SharedParams::as_str))),
            Some(layer) => {
                let behind = Peer { layer: layer.behind.clone(), ..peer.clone() };
                let call = OutgoingCall { peer: behind, method, params, idempotent };
                State::Layered(Box::new(Layered::New(layer, Ok(call))))
            }
        };
        let mut sent = Self::in_state(peer, state);
        sent.idempotent = idempotent;
        sent
    }
}

type Running = Pin<Box<dyn Future<Output = Result<Box<RawValue>, CallError>> + Send>>;

/// The outermost layer of a handle, and those behind it.
pub(super) struct Layer {
    start: Box<dyn Fn(OutgoingCall) -> Running + Send + Sync>,
    behind: Option<Arc<Layer>>,
}

impl Layer {
    pub(super) fn new<L>(layer: L, behind: Option<Arc<Layer>>) -> Self
    where
        L: tower_layer::Layer<Caller>,
        L::Service: Service<OutgoingCall, Response = Box<RawValue>> + Clone + Send + Sync + 'static,
        <L::Service as Service<OutgoingCall>>::Error: Into<BoxError>,
        <L::Service as Service<OutgoingCall>>::Future: Send,
    {
        let service = layer.layer(Caller(()));
        let start = move |call| -> Running {
            let called = Oneshot::new(service.clone(), call);
            Box::pin(async move { called.await.map_err(|error| call_error(error.into())) })
        };
        Self { start: Box::new(start), behind }
    }
}

fn call_error(error: BoxError) -> CallError {
    let error = match error.downcast::<CallError>() {
        Ok(error) => return *error,
        Err(error) => error,
    };
    match error.downcast::<ErrorObject>() {
        Ok(error) => CallError::from_reply(*error),
        Err(error) => CallError::Layer(error.into()),
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
            Self::New(_, call) => call.and_then(|call| {
                RequestText::encode_text(&call.method, call.params.as_ref().map(SharedParams::as_str))
            }),
            // Dropped here, and so cancelled.
            Self::Running(..) | Self::Done => Err(EncodeError::AlreadySent),
        }
    }
}
