//! Middleware on the receiving side: the incoming call as a layer sees it, and the service that calls the
//! handler.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use pin_project_lite::pin_project;
use serde_json::value::RawValue;
use tower_service::Service;

use super::handling::{HandlerFactory, Handling, Output, RawResult};
use crate::context::Context;
use crate::message::{Answer, ErrorCode, ErrorObject, Id, IncomingParams, SharedParams};
use crate::oneshot::{BoxError, Oneshot};
use crate::peer::Peer;

/// An incoming call on its way through the layers of a [`crate::Router`]: its [`Context`] and its params as
/// the peer sent them. A clone is cheap: clones share the params.
#[derive(Clone)]
pub struct IncomingCall {
    cx: Context,
    params: Option<SharedParams>,
    /// Makes what is behind the current layer: the next layer, or the handler.
    next: Arc<HandlerFactory>,
}

impl IncomingCall {
    /// The context that the handler will get.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.cx
    }

    /// The wire name by which the peer called the method. The router serves this name.
    #[must_use]
    pub fn method(&self) -> &str {
        self.cx.method()
    }

    /// The request's id. `None` for a notification, whose result is dropped.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.cx.id()
    }

    /// The peer that made this call.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.cx.peer()
    }

    /// The value of this type that the application keeps with the connection ([`Peer::insert`]).
    #[must_use]
    pub fn get<T: std::any::Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.cx.get()
    }

    /// The params as the peer sent them: an array or an object, or `None` if the message has no params. The
    /// text is checked when the first layer asks for it, and once only; if no layer asks, it is passed to the
    /// handler unread.
    #[must_use]
    pub fn params(&self) -> Option<&RawValue> {
        self.params.as_ref().and_then(SharedParams::as_raw)
    }

    /// Replaces the params. They are decoded later: if the new params do not fit the method, the call fails
    /// with −32602, as if the caller had sent them.
    pub fn set_params(&mut self, params: Option<Box<RawValue>>) {
        self.params = params.map(SharedParams::of_raw);
    }
}

impl fmt::Debug for IncomingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingCall")
            .field("method", &self.method())
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

/// The innermost service, around which the layers of a [`crate::Router`] are put: it runs the method's
/// handler. It is always ready.
#[derive(Clone, Debug)]
pub struct Handler(());

impl Handler {
    pub(super) fn new() -> Self {
        Self(())
    }
}

impl Service<IncomingCall> for Handler {
    type Response = Box<RawValue>;
    type Error = ErrorObject;
    type Future = HandlerFuture;

    fn poll_ready(&mut self, _cx: &mut task::Context<'_>) -> Poll<Result<(), ErrorObject>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: IncomingCall) -> HandlerFuture {
        HandlerFuture { stage: Stage::New(call) }
    }
}

/// The future of a handler behind layers of a [`crate::Router`]. Dropping it drops the handler.
#[must_use = "a handler starts when this is first polled"]
pub struct HandlerFuture {
    stage: Stage,
}

enum Stage {
    /// The handler has not been made yet: layers such as tower's `Buffer` call their service on a task of
    /// their own, but the handler's code must run on the call's task.
    New(IncomingCall),
    Running(Pin<Box<dyn Handling>>),
    Done,
}

impl Future for HandlerFuture {
    type Output = RawResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut handling = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New(IncomingCall { cx, params, next }) => next(cx, of_shared(params.as_ref()))
                .map_err(|error| ErrorObject::invalid_params(&error.to_string()))?,
            Stage::Running(handling) => handling,
            Stage::Done => return Poll::Pending,
        };
        let mut result = None;
        if handling.as_mut().poll(cx, Output::Layer(&mut result)).is_pending() {
            self.stage = Stage::Running(handling);
            return Poll::Pending;
        }
        debug_assert!(result.is_some(), "a handler that is done has put its result");
        Poll::Ready(result.unwrap_or_else(|| Ok(RawValue::NULL.to_owned())))
    }
}

impl fmt::Debug for HandlerFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerFuture").finish_non_exhaustive()
    }
}

/// Wraps a factory so that the call notes that its handler has begun.
pub(super) fn begun_by_layers(start: Arc<HandlerFactory>) -> Arc<HandlerFactory> {
    Arc::new(move |cx, params| {
        let call = cx.call().clone();
        // This comes first: the application's function that returns the handler's future may panic, after it
        // has had effects.
        call.note_begun();
        start(cx, params)
    })
}

/// Puts a layer's service in front of a route's factory.
pub(super) fn layered<S>(service: S, next: Arc<HandlerFactory>) -> Arc<HandlerFactory>
where
    S: Service<IncomingCall, Response = Box<RawValue>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    Arc::new(move |cx, params| {
        let call = IncomingCall { cx: cx.clone(), params: params.to_shared(), next: next.clone() };
        Ok(Box::pin(LayeredHandling { cx, running: Oneshot::new(service.clone(), call) }))
    })
}

fn of_shared(params: Option<&SharedParams>) -> IncomingParams<'_> {
    params.map_or(IncomingParams::Text(None), IncomingParams::Shared)
}

pin_project! {
    struct LayeredHandling<S: Service<IncomingCall>> {
        cx: Context,
        #[pin]
        running: Oneshot<S, IncomingCall>,
    }
}

impl<S> Handling for LayeredHandling<S>
where
    S: Service<IncomingCall, Response = Box<RawValue>> + Send,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>, output: Output<'_>) -> Poll<Answer> {
        let this = self.project();
        let result = ready!(this.running.poll(cx))
            .map_err(|error| error_object(error.into(), this.cx).of_layer(this.cx.call().has_begun()));
        Poll::Ready(output.put_raw(result))
    }
}

/// The error that the caller gets for a layer's error: an [`ErrorObject`] as it is, and −32603 without
/// details for any other error, which is logged.
fn error_object(error: BoxError, cx: &Context) -> ErrorObject {
    match error.downcast::<ErrorObject>() {
        Ok(error) => *error,
        Err(error) => {
            let shared = &cx.call().shared;
            let (connection, remote_addr) = (shared.id(), shared.info().remote_addr_field());
            tracing::error!(connection, remote_addr, method = cx.method(), %error, "a layer failed");
            ErrorObject::framework(ErrorCode::Internal)
        }
    }
}
