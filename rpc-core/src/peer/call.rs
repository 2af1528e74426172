//! A call, with the type of its result.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::raw_call::RawCall;
use super::raw_reply::RawReply;
use super::subscribe_call::SubscribeCall;
use super::{CallHandle, CalledBody, CalledResult, Notify, Peer};
use crate::error::{CallError, MethodResult};
use crate::message::{EncodeError, Json, RequestText};
use crate::progress::Progress;
use crate::streaming::{Sources, Streaming};
use crate::subscription::SubscriptionForm;

/// A call that is sent when it is first polled. Its output is the method's result.
///
/// # Cancel safety
/// Dropping it cancels the call: its entry is removed at once, a late reply is ignored, and the peer gets a
/// cancel message if the subprotocol has one (`rpc.cancel` in `birpc.v1`). A call that was never polled was
/// never sent.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<R> {
    raw: RawCall,
    result: PhantomData<fn() -> R>,
}

impl<R> Call<R> {
    /// A call of this result type, with the arguments that are streams.
    pub(super) fn of_params(peer: Peer, method: &str, params: &dyn Json, sources: Sources) -> Self
    where
        R: CalledResult,
    {
        let has_extras = <R as MethodResult>::Ok::IS_STREAM || !sources.is_empty();
        let mut raw = match has_extras {
            false => RawCall::new(peer, method, params),
            true => RawCall::with_extras(peer, method, params, <R as MethodResult>::Ok::IS_STREAM, sources),
        };
        if <R as MethodResult>::Ok::MAY_BE_VALUE
            && let Some(streams) = raw.streams_mut()
        {
            streams.accept_value();
        }
        Self { raw, result: PhantomData }
    }

    /// Sets a timeout for this call; see [`crate::Peer::with_timeout`].
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.raw.peer.timeout = Some(timeout);
        self
    }

    /// Listens to the progress of a call by name, with a [`Progress::to`](crate::Progress::to). Methods of
    /// stubs take it as a parameter. If this is set several times, the last one counts.
    ///
    /// ```
    /// # use birpc_core::{CallError, Peer, Progress};
    /// # async fn example(peer: Peer) -> Result<(), CallError> {
    /// let progress = Progress::to(|percent: u8| println!("{percent} %"));
    /// let built: String = peer.call("build", ["all"]).with_progress(progress).await?;
    /// # Ok(()) }
    /// ```
    pub fn with_progress<T>(mut self, progress: Progress<T>) -> Self
    where
        T: DeserializeOwned + 'static,
    {
        if let Some(listener) = progress.into_listener() {
            self.raw.ask_progress(|progress| progress.set_listener(listener));
        }
        self
    }

    /// Makes each report of progress start the timeout ([`Call::with_timeout`]) anew, so that the timeout
    /// limits the time without a report. `total` limits the time of the whole call, from its first poll. The
    /// peer is asked for reports even if the caller does not listen. A report that is ignored because it has
    /// another type does not reset the timeout.
    ///
    /// If the peer reports no progress, `total` is a second timeout. If the handle has layers
    /// ([`Peer::layer`]), both apply to each request that they send.
    ///
    /// ```
    /// # use birpc_core::{CallError, Peer};
    /// # use std::time::Duration;
    /// # async fn example(peer: Peer) -> Result<(), CallError> {
    /// // At most 30 seconds without a report, and at most an hour.
    /// let build = peer.call::<String>("build", ["all"]).with_timeout(Duration::from_secs(30));
    /// let built = build.timeout_resets(Duration::from_secs(3600)).await?;
    /// # Ok(()) }
    /// ```
    pub fn timeout_resets(mut self, total: Duration) -> Self {
        self.raw.ask_progress(|progress| progress.set_total(total));
        self
    }

    /// Sends the request as a notification: the peer runs the method and sends no reply.
    pub fn notify(mut self) -> Notify {
        let peer = self.raw.peer.clone();
        match self.raw.take_layered() {
            Some(layered) => Notify::behind_layers(peer, *layered),
            None => Notify::new(peer, self.into_frame().map(RequestText::finish_notification)),
        }
    }

    /// Allows a client that reconnects to send the request again if the connection ends after it was sent and
    /// before the reply: the method may run more than once. If the client does not reconnect, this has no
    /// effect. `#[rpc(idempotent)]` does the same for a method.
    pub fn idempotent(mut self) -> Self {
        self.raw.idempotent = true;
        self
    }

    /// Returns a handle that can cancel this call while its future is awaited elsewhere.
    #[must_use]
    pub fn handle(&self) -> CallHandle {
        self.raw.handle()
    }

    pub(super) fn of_raw(raw: RawCall) -> Self {
        Self { raw, result: PhantomData }
    }

    pub(super) fn is_sensitive(&self) -> bool {
        self.raw.sensitive
    }

    /// The request of a call that has not been polled.
    pub(super) fn into_frame(self) -> Result<RequestText, EncodeError> {
        self.raw.into_frame()
    }
}

/// Hides the result of a call from errors, because it is sensitive. For generated stubs.
pub fn sensitive<R>(mut call: Call<R>) -> Call<R> {
    call.raw.sensitive = true;
    call
}

/// Sets the form of a call's stream for peers that do not speak `birpc.v1`. For generated stubs.
pub fn subscribed<R>(mut call: Call<R>, form: &SubscriptionForm) -> Call<R> {
    if let Some(streams) = call.raw.streams_mut() {
        streams.subscribing().set_form(form);
    }
    call
}

impl<T, U, E> Call<Result<Streaming<T, U>, E>> {
    /// Makes the call subscribe, in this form, if the peer does not speak `birpc.v1`. This is for a method
    /// that is called by its name; stubs do it for methods with `#[rpc(subscription(…))]`.
    ///
    /// The result of such a call is the id of the subscription, and the notifications with its items have the
    /// same id. Dropping the stream calls the method that ends the subscription. Such a peer does not wait
    /// for its consumer, so the number of unread items is limited
    /// ([`crate::Limits::subscription_window_items`]). When it is exceeded, the stream ends with
    /// [`StreamError::Lagged`](crate::StreamError::Lagged) after the items that were kept.
    ///
    /// ```
    /// # use birpc_core::{CallError, ErrorObject, Peer, RawValue, Streaming, SubscriptionForm};
    /// type Heads = Result<Streaming<Box<RawValue>>, ErrorObject>;
    ///
    /// # async fn example(node: Peer) -> Result<(), CallError> {
    /// let form = SubscriptionForm::new("eth_subscription", "eth_unsubscribe");
    /// let mut heads = node.invoke::<Heads>("eth_subscribe", ["newHeads"]).subscription(&form).await?;
    /// while let Some(Ok(head)) = heads.next().await {
    ///     println!("{head}");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn subscription(self, form: &SubscriptionForm) -> Self {
        subscribed(self, form)
    }

    /// Sets how much of the stream the callee may send before its consumer takes it, in items and in bytes of
    /// their JSON texts. The last item may exceed the bytes. Default: [`crate::Limits::stream_window_items`]
    /// and [`crate::Limits::stream_window_bytes`].
    ///
    /// Set a large window for a fast producer with a long round trip, and a small one if recent items matter
    /// more than all of them at once. A window of 0 counts as 1. [`crate::Limits::max_stream_bytes`] limits
    /// the windows of all streams of a connection together.
    ///
    /// ```
    /// # use birpc_core::{Call, ErrorObject, Streaming};
    /// # type Tail = Call<Result<Streaming<String>, ErrorObject>>;
    /// # async fn example(tail: Tail) -> Result<(), birpc_core::CallError> {
    /// let mut lines = tail.window(1024, 4 << 20).await?;
    /// # Ok(()) }
    /// ```
    pub fn window(mut self, items: usize, bytes: usize) -> Self {
        if let Some(streams) = self.raw.streams_mut() {
            streams.set_window(items, bytes);
        }
        self
    }

    /// Drops the oldest unread items of a subscription when their limit is exceeded, instead of ending it
    /// with [`StreamError::Lagged`](crate::StreamError::Lagged). The stream says where items are missing
    /// ([`Update::Lagged`](crate::Update::Lagged)).
    ///
    /// This has an effect only if the peer does not speak `birpc.v1`. Under `birpc.v1` the producer waits for
    /// its consumer, and nothing is dropped.
    pub fn drop_oldest(self) -> SubscribeCall<T, U, E> {
        SubscribeCall::new(self.raw).drop_oldest()
    }

    /// Makes the call again, with the same params, on each further connection of a client that reconnects, so
    /// that the stream continues. Before the first item of a new connection the stream returns an
    /// [`Update::Gap`](crate::Update::Gap), since the items of the outage are missing.
    ///
    /// The method must be idempotent (`#[rpc(idempotent)]`, [`Call::idempotent`]); otherwise the call fails
    /// with [`CallError::Unsendable`]. The stream ends with
    /// [`StreamError::Resubscribe`](crate::StreamError::Resubscribe) if the call fails on a new connection,
    /// and with [`StreamError::Disconnected`](crate::StreamError::Disconnected) if the client ends. A timeout
    /// of the call applies to each of these calls. If the client does not reconnect, this has no effect.
    ///
    /// ```
    /// # use birpc_core::{Call, CallError, ErrorObject, Streaming, Update};
    /// # type Prices = Call<Result<Streaming<f64>, ErrorObject>>;
    /// # async fn example(prices: Prices) -> Result<(), CallError> {
    /// let mut prices = prices.idempotent().resubscribing().await?;
    /// while let Some(Ok(update)) = prices.next().await {
    ///     match update {
    ///         Update::Item(price) => println!("{price}"),
    ///         Update::Gap { reason, outage } => println!("nothing for {outage:?}: {reason}"),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn resubscribing(self) -> SubscribeCall<T, U, E> {
        SubscribeCall::new(self.raw).resubscribing()
    }

    /// [`Call::resubscribing`] with new params for each further call. The closure gets the last item that the
    /// stream has returned, or `None` if there was none, and returns the params. They must serialise as a
    /// JSON array or object, like those of [`crate::Peer::call`].
    ///
    /// ```
    /// # use birpc_core::{CallError, ErrorObject, Peer, Streaming};
    /// # #[derive(serde::Deserialize)] struct Block { number: u64 }
    /// # async fn example(peer: Peer) -> Result<(), CallError> {
    /// let blocks = peer.invoke::<Result<Streaming<Block>, ErrorObject>>("blocks", [0]);
    /// let from = |last: Option<Block>| [last.map_or(0, |block| block.number + 1)];
    /// let mut blocks = blocks.idempotent().resubscribing_with(from).await?;
    /// # let _ = blocks.next().await; Ok(()) }
    /// ```
    pub fn resubscribing_with<P>(
        self,
        params: impl FnMut(Option<T>) -> P + Send + 'static,
    ) -> SubscribeCall<T, U, E>
    where
        T: DeserializeOwned,
        P: Serialize,
    {
        SubscribeCall::new(self.raw).resubscribing_with(params)
    }

    /// Limits the time that the consumer of the stream waits for an item. When it is exceeded, the stream
    /// ends with [`StreamError::TimedOut`](crate::StreamError::TimedOut), and its call is cancelled.
    /// [`Call::with_timeout`] limits the time until the stream is open.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        if let Some(streams) = self.raw.streams_mut() {
            streams.set_idle_timeout(timeout);
        }
        self
    }
}

impl<R: MethodResult<Ok: CalledBody>> Future for Call<R> {
    type Output = Result<R::Ok, CallError<R::Err>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.raw.poll(cx).map(typed::<R>)
    }
}

/// Converts the outcome to the types that the caller expects.
pub(super) fn typed<R: MethodResult<Ok: CalledBody>>(
    outcome: Result<RawReply, CallError>,
) -> Result<R::Ok, CallError<R::Err>> {
    match outcome {
        Ok(reply) => R::Ok::from_reply(reply).map_err(CallError::Undecodable),
        Err(error) => Err(error.typed()),
    }
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
