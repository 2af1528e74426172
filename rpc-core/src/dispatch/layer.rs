//! Middleware around dispatch: what a layer sees of a call that came in, and the way on to its handler.

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

/// A call of the peer on its way through the layers of a [`crate::Router`]: its [`Context`], and its params
/// as they came. A cheap clone: layers share the params.
#[derive(Clone)]
pub struct IncomingCall {
    cx: Context,
    params: Option<SharedParams>,
    /// What is behind the layer that has this.
    next: Arc<HandlerFactory>,
}

impl IncomingCall {
    /// What the handler will know of its call.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.cx
    }

    /// The wire name by which the method was called: one that the router serves.
    #[must_use]
    pub fn method(&self) -> &str {
        self.cx.method()
    }

    /// The request's id; `None` for a notification, whose result goes nowhere.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        self.cx.id()
    }

    /// The peer that made this call.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.cx.peer()
    }

    /// The application's value of this type that is kept with the connection ([`Peer::insert`]).
    #[must_use]
    pub fn get<T: std::any::Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.cx.get()
    }

    /// The params as they came, an array or an object; `None` if there are none. A call whose params no layer
    /// asks for passes them on without looking at them; the first that asks has them looked through once, for
    /// itself and all behind it.
    #[must_use]
    pub fn params(&self) -> Option<&RawValue> {
        self.params.as_ref().and_then(SharedParams::as_raw)
    }

    /// Replaces the params. They have not been decoded yet: those that do not fit the method are refused with
    /// −32602, as if the caller had sent them.
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

/// The service that the layers of a [`crate::Router`] are put around: the rest of the way to the method's
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

/// A handler at work behind the layers of a [`crate::Router`]. Dropping it drops the handler.
#[must_use = "a handler starts when this is first polled"]
pub struct HandlerFuture {
    stage: Stage,
}

enum Stage {
    /// Not started: layers such as tower's `Buffer` call their service in a task of their own, and the
    /// handler's code belongs into its call's.
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

/// What starts a handler that is to be behind layers, which learn so that it began.
pub(super) fn begun_by_layers(start: Arc<HandlerFactory>) -> Arc<HandlerFactory> {
    Arc::new(move |cx, params| {
        let call = cx.call().clone();
        // Before: the function that makes the handler's future is the application's, and may panic when it
        // has done something.
        call.note_begun();
        start(cx, params)
    })
}

/// Puts a service before what starts a route.
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

/// What the caller is told of a layer's error: all of an [`ErrorObject`], nothing of any other.
fn error_object(error: BoxError, cx: &Context) -> ErrorObject {
    match error.downcast::<ErrorObject>() {
        Ok(error) => *error,
        Err(error) => {
            let shared = &cx.call().shared;
            let (connection, remote_addr) = (shared.id(), shared.remote_addr());
            tracing::error!(connection, remote_addr, method = cx.method(), %error, "a layer failed");
            ErrorObject::framework(ErrorCode::Internal)
        }
    }
}
