//! A limit on the rate of each peer's calls.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::dispatch::IncomingCall;
use crate::message::ErrorObject;
use crate::oneshot::BoxError;
use crate::shared_state::{Oddity, warn_dropped};

/// A layer that limits how many calls and notifications each peer makes to the methods behind it. It is a
/// token bucket for each connection.
///
/// A bucket holds [`RateLimit::burst`] tokens and is full at first. Each call takes a token, and `calls`
/// tokens are added in each `per`, evenly. A call that finds no token is refused before its handler begins,
/// with −32005 and `data.retry_after_ms`, the time until the next token ([`ErrorObject::retry_after`]). A
/// notification that finds none is dropped, and the log says so once for each connection.
/// [`RateLimit::refused`] and [`RateLimit::dropped`] count them over all connections. With the feature
/// `metrics`, both are counted as calls with that error code.
///
/// A bucket is a time of 16 bytes that is kept with its connection. So a client that reconnects begins with a
/// full bucket; [`crate::Limits::max_connections`] and `authorize` limit how often it can do that. All
/// methods behind one layer share their buckets; another layer has its own.
///
/// ```
/// use std::time::Duration;
///
/// use birpc_core::middleware::RateLimit;
/// use birpc_core::{Context, ErrorObject, Router};
///
/// // 20 calls in a second on average, and up to 50 at once.
/// let limit = RateLimit::new(20, Duration::from_secs(1)).burst(50);
/// let router = Router::new()
///     .method("post", |_: Context, (line,): (String,)| async move { Ok::<_, ErrorObject>(line.len()) })
///     .layer(limit.clone());
/// println!("{} calls refused so far", limit.refused());
/// # drop(router);
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until a router has it"]
pub struct RateLimit {
    /// Time between two tokens.
    interval: Duration,
    burst: u32,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    refused: AtomicU64,
    dropped: AtomicU64,
}

/// The service that [`RateLimit`] makes.
#[derive(Clone)]
pub struct RateLimited<S> {
    limit: RateLimit,
    next: S,
}

impl RateLimit {
    /// Allows `calls` calls in each `per`, evenly spread, and as many at once after a silence. Zero counts as
    /// one.
    pub fn new(calls: u32, per: Duration) -> Self {
        let calls = calls.max(1);
        Self { interval: per / calls, burst: calls, counts: Arc::default() }
    }

    /// Sets how many calls may arrive at once after a silence. Zero counts as one. Default: the calls of
    /// [`RateLimit::new`].
    pub fn burst(mut self, calls: u32) -> Self {
        self.burst = calls.max(1);
        self
    }

    /// The number of calls of all peers that have been refused. Clones of a layer share the count.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.counts.refused.load(Ordering::Relaxed)
    }

    /// The number of notifications of all peers that have been dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// Takes a token from the caller's bucket.
    ///
    /// # Errors
    /// The time until the next token.
    fn take(&self, call: &IncomingCall) -> Result<(), Duration> {
        let buckets = call.context().call().shared.values().get_or_default::<Buckets>();
        let layer = Arc::as_ptr(&self.counts).addr();
        buckets.of(layer, |full_at| {
            // The time at which the bucket will be full describes it: each token that is taken delays that
            // time.
            let now = Instant::now();
            let owed = full_at.saturating_duration_since(now);
            let room = self.interval.saturating_mul(self.burst - 1);
            if owed > room {
                return Err(owed - room);
            }
            *full_at = now.checked_add(owed + self.interval).unwrap_or(*full_at);
            Ok(())
        })
    }

    /// Counts a call that found no token, and makes its error.
    fn refuse(&self, call: &IncomingCall, wait: Duration) -> ErrorObject {
        let error = ErrorObject::rate_limited(wait);
        if call.id().is_some() {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
        } else {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            let shared = &call.context().call().shared;
            shared.gauges().count_dropped();
            warn_dropped(shared, Oddity::RateLimit, call.method(), &error);
        }
        error
    }
}

/// For each layer, the time at which the bucket of this connection will be full: as many entries as the
/// router has layers of this kind. The key is the address of the layer; if a layer is gone, a new one at the
/// same address takes over its bucket.
#[derive(Default)]
struct Buckets(Mutex<Vec<(usize, Instant)>>);

impl Buckets {
    fn of<R>(&self, layer: usize, take: impl FnOnce(&mut Instant) -> R) -> R {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = buckets.iter().position(|(of, _)| *of == layer).unwrap_or_else(|| {
            buckets.push((layer, Instant::now()));
            buckets.len() - 1
        });
        take(&mut buckets[index].1)
    }
}

impl<S> Layer<S> for RateLimit {
    type Service = RateLimited<S>;

    fn layer(&self, next: S) -> RateLimited<S> {
        RateLimited { limit: self.clone(), next }
    }
}

impl<S> Service<IncomingCall> for RateLimited<S>
where
    S: Service<IncomingCall, Error: Into<BoxError>>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = RateLimitedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.next.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, call: IncomingCall) -> Self::Future {
        match self.limit.take(&call) {
            Ok(()) => RateLimitedFuture { call: Some(self.next.call(call)), refused: None },
            Err(wait) => RateLimitedFuture { call: None, refused: Some(self.limit.refuse(&call, wait)) },
        }
    }
}

pin_project! {
    /// The future of [`RateLimited`].
    #[must_use = "a call starts when this is first polled"]
    pub struct RateLimitedFuture<F> {
        #[pin]
        call: Option<F>,
        refused: Option<ErrorObject>,
    }
}

impl<F, T, E> Future for RateLimitedFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(call) = this.call.as_pin_mut() {
            return Poll::Ready(ready!(call.poll(cx)).map_err(Into::into));
        }
        match this.refused.take() {
            Some(error) => Poll::Ready(Err(error.into())),
            // If it is polled again, it stays pending, as std's fused futures do.
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("interval", &self.interval)
            .field("burst", &self.burst)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for RateLimited<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimited").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for RateLimitedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitedFuture").finish_non_exhaustive()
    }
}
