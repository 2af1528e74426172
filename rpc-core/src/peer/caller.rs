//! The innermost service of layers around outgoing calls: it sends the request.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde_json::value::RawValue;
use tower_service::Service;

use super::layer::{Layer, OutgoingCall, Running};
use super::notify::Notify;
use super::raw_call::RawCall;
use crate::error::CallError;
use crate::message::ErrorObject;
use crate::oneshot::{BoxError, Oneshot};

/// The innermost service, around which the layers of a [`Peer`](crate::Peer) are put: each call of it sends a
/// request, with the timeout of the handle that the call was made with. It is always ready: the call itself
/// waits for room in the connection's queue.
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
        CallerFuture(match call.is_notification() {
            false => Sent::Call(RawCall::of_layer(call)),
            true => Sent::Notification(Notify::of_layer(call)),
        })
    }
}

/// The future of a call that a layer has passed on. Dropping it cancels the call.
#[must_use = "a call is sent when it is awaited"]
pub struct CallerFuture(Sent);

enum Sent {
    Call(RawCall),
    Notification(Notify),
}

impl Future for CallerFuture {
    type Output = Result<Box<RawValue>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Sent::Call(raw) => raw.poll(cx).map(|ended| ended?.into_raw().map_err(CallError::Undecodable)),
            Sent::Notification(notify) => Pin::new(notify).poll(cx).map_ok(|()| RawValue::NULL.to_owned()),
        }
    }
}

impl fmt::Debug for CallerFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerFuture").finish_non_exhaustive()
    }
}

/// Puts a layer around those that a handle already has.
pub(super) fn layered<L>(layer: L, behind: Option<Arc<Layer>>) -> Layer
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
    Layer::new(start, behind)
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
