//! Layers around the methods that are served ([`crate::Router::layer`]) and around outgoing calls
//! ([`crate::Peer::layer`]), in the shape of [tower](https://docs.rs/tower)'s `Layer` and `Service`.
//!
//! Most layers are an async function: [`from_fn`]. [`RateLimit`] limits the calls of each peer. tower's own
//! layers, such as timeouts, retries and limits, work unchanged.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::oneshot::Oneshot;

pub use tower_layer::Layer;
pub use tower_service::Service;

pub use crate::dispatch::{Handler, HandlerFuture, IncomingCall};
pub use crate::oneshot::BoxError;
pub use crate::peer::{Caller, CallerFuture, OutgoingCall};
pub use crate::rate_limit::{RateLimit, RateLimited, RateLimitedFuture};

/// Creates a layer from an async function, which gets the call and the [`Next`] service:
///
/// ```
/// use birpc_core::middleware::{Handler, IncomingCall, Next, from_fn};
/// use birpc_core::{Context, ErrorObject, RawValue, Router};
///
/// async fn log(call: IncomingCall, next: Next<Handler>) -> Result<Box<RawValue>, ErrorObject> {
///     let method = call.method().to_owned();
///     let result = next.run(call).await;
///     println!("{method}: {}", if result.is_ok() { "ok" } else { "failed" });
///     result
/// }
///
/// # let _ =
/// Router::new()
///     .method("ping", |_: Context, _: Option<()>| async { Ok::<_, ErrorObject>("pong") })
///     .layer(from_fn(log));
/// ```
pub fn from_fn<F>(function: F) -> FromFn<F> {
    FromFn { function: Arc::new(function) }
}

/// A layer that is an async function; see [`from_fn`].
pub struct FromFn<F> {
    function: Arc<F>,
}

/// The service that [`FromFn`] makes.
pub struct FromFnService<F, S> {
    function: Arc<F>,
    next: Next<S>,
}

/// The rest of the chain behind a [`from_fn`] layer. A clone is cheap if a clone of `S` is.
#[derive(Clone, Debug)]
pub struct Next<S>(S);

impl<S: Clone> Next<S> {
    /// Passes a call on. A layer may run it never, once or several times. Each run waits until the service
    /// behind is ready, then calls it.
    ///
    /// # Errors
    /// Those of the service behind.
    ///
    /// # Cancel safety
    /// Dropping the future drops the call: an incoming call's handler stops, an outgoing call is cancelled.
    pub fn run<C>(&self, call: C) -> impl Future<Output = Result<S::Response, S::Error>> + use<S, C>
    where
        S: Service<C>,
    {
        Oneshot::new(self.0.clone(), call)
    }
}

impl<F, S> Layer<S> for FromFn<F> {
    type Service = FromFnService<F, S>;

    fn layer(&self, inner: S) -> Self::Service {
        FromFnService { function: self.function.clone(), next: Next(inner) }
    }
}

impl<F, S, C, Fut, T, E> Service<C> for FromFnService<F, S>
where
    F: Fn(C, Next<S>) -> Fut,
    S: Clone,
    Fut: Future<Output = Result<T, E>>,
{
    type Response = T;
    type Error = E;
    type Future = Fut;

    /// Always ready: [`Next::run`] waits for the service behind.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: C) -> Fut {
        (self.function)(call, self.next.clone())
    }
}

// Not derived: a function need not be `Clone`.
impl<F> Clone for FromFn<F> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone() }
    }
}

impl<F, S: Clone> Clone for FromFnService<F, S> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone(), next: self.next.clone() }
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}

impl<F, S> fmt::Debug for FromFnService<F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFnService").finish_non_exhaustive()
    }
}
