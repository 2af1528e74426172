//! Streams of items, which are results or arguments of methods.

mod discard;
mod error;
mod produce;
mod publisher;
mod pump;
mod source;
mod update;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{self, Stream, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::broadcast;

use crate::error::{OnWire, Received, RpcError, SentType, WireType};
use crate::message::ErrorObject;
use produce::Produced;

pub use error::StreamError;
pub use produce::{StreamClosed, StreamSender};
pub(crate) use publisher::Publisher;
pub(crate) use pump::{Finish, Name as PumpName, Pump};
pub(crate) use source::{Source, Sources, StreamParam};
pub use update::Update;

/// A stream of items of type `T` that is sent over a connection. Methods return streams and take them.
///
/// A method of a trait under `#[rpc]` returns `Result<Streaming<T, E>, E2>`, takes parameters of type
/// `Streaming<T, E>`, or both. The types alone make it a method with streams. `T` is a type that serde
/// serialises and deserialises, and `E` is the error with which the stream may fail. A producer creates a
/// stream with [`Streaming::from_stream`], [`Streaming::from_iter`], [`Streaming::produce`] or
/// [`Streaming::from_broadcast`]. A consumer calls [`Streaming::next`], or uses the stream as a
/// [`futures_core::Stream`]. A stream that was received from one peer can be sent to another.
///
/// A stream is a parameter or a result itself, and not a part of a value: `Option<Streaming<T>>` and a struct
/// with a stream are refused by the compiler. For a struct that derives serde's traits, it says that
/// `Streaming<T>` implements neither of them. Make the stream a parameter of its own.
///
/// Both peers must speak `birpc.v1`; a result may also have the form of a subscription for other peers
/// ([`SubscriptionForm`](crate::SubscriptionForm)). Under `birpc.v1` the consumer limits how much is sent
/// ahead, so a producer waits for a slow consumer. Other calls and streams of the connection do not wait.
///
/// # The end
/// Each item is a `Result`. A stream is complete if it ends with `None` without an error before. If the
/// producer panics or is dropped, the call is cancelled or the connection is lost, the stream ends with a
/// [`StreamError`]. Nothing comes after the error.
///
/// # Dropping a stream
/// If a consumer drops the result of its call, the call is cancelled and the producer is dropped. If a
/// handler drops an argument, the caller's producer is dropped, and the call continues.
///
/// # In tests
/// A stream that is not sent can be read directly, so a handler can be tested without a connection:
///
/// ```
/// use birpc_core::{ErrorObject, Streaming};
///
/// async fn sum(mut numbers: Streaming<i64>) -> Result<i64, ErrorObject> {
///     let mut sum = 0;
///     while let Some(number) = numbers.next().await {
///         sum += number.map_err(|error| ErrorObject::new(9, error.to_string()))?;
///     }
///     Ok(sum)
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(sum(Streaming::from_iter([1, 2, 3])).await, Ok(6));
/// # });
/// ```
///
/// [`futures_core::Stream`]: https://docs.rs/futures-core/0.3/futures_core/stream/trait.Stream.html
#[must_use = "a stream does nothing until it is polled, or sent"]
pub struct Streaming<T, E = ErrorObject> {
    /// `None` once the stream has ended.
    items: Option<Items<T, E>>,
    /// Whether the stream never ends by itself.
    endless: bool,
}

type Items<T, E> = Pin<Box<dyn Stream<Item = Result<T, StreamError<E>>> + Send>>;

impl<T, E> Streaming<T, E> {
    /// Sends the items of a stream that cannot fail. When it ends, this stream is complete.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use birpc_core::{ErrorObject, Streaming};
    /// use futures_util::{StreamExt, stream};
    ///
    /// let squares = stream::iter(1..4).map(|n| n * n);
    /// let mut squares = Streaming::<i32, ErrorObject>::from_stream(squares);
    /// assert_eq!(squares.next().await, Some(Ok(1)));
    /// # }
    /// ```
    pub fn from_stream(stream: impl Stream<Item = T> + Send + 'static) -> Self
    where
        T: 'static,
        E: 'static,
    {
        Self::new(stream.map(Ok))
    }

    /// Sends the items of a stream that may fail. The first error ends this stream.
    ///
    /// ```
    /// use birpc_core::{ErrorObject, Streaming};
    /// use futures_util::stream;
    ///
    /// let items = stream::iter([Ok(1), Err(ErrorObject::new(7, "no more"))]);
    /// let numbers: Streaming<i32> = Streaming::try_from_stream(items);
    /// ```
    pub fn try_from_stream(stream: impl Stream<Item = Result<T, E>> + Send + 'static) -> Self
    where
        T: 'static,
        E: 'static,
    {
        Self::new(stream.map(|item| item.map_err(StreamError::Method)))
    }

    /// Sends the items of an iterator. Each item is taken when it can be sent.
    ///
    /// ```
    /// use birpc_core::Streaming;
    ///
    /// let lines: Streaming<String> = Streaming::from_iter("a\nb".lines().map(String::from));
    /// let numbers: Streaming<u64> = Streaming::from_iter(0..);
    /// ```
    #[allow(clippy::should_implement_trait)] // whose iterators may borrow, and be tied to a thread
    pub fn from_iter<I>(items: I) -> Self
    where
        I: IntoIterator<Item = T, IntoIter: Send + 'static>,
        T: 'static,
        E: 'static,
    {
        Self::from_stream(stream::iter(items))
    }

    /// Sends the values of a broadcast channel. The stream is complete when the last sender is dropped. If
    /// the consumer does not keep up and values are lost, the stream ends with [`StreamError::Lagged`] and
    /// their number, after the items that were sent.
    ///
    /// Such a stream may never end, so a side that drains ends it at once, with −32001, be it a result or an
    /// argument. Other producers learn of a drain from [`Context::draining`](crate::Context::draining).
    ///
    /// ```
    /// use birpc_core::Streaming;
    /// use tokio::sync::broadcast;
    ///
    /// let (prices, _) = broadcast::channel::<u64>(64);
    /// let watched: Streaming<u64> = Streaming::from_broadcast(prices.subscribe());
    /// ```
    pub fn from_broadcast(items: broadcast::Receiver<T>) -> Self
    where
        T: Clone + Send + 'static,
        E: Send + 'static,
    {
        let items = stream::unfold(Some(items), |items| async move {
            let mut items = items?;
            match items.recv().await {
                Ok(item) => Some((Ok(item), Some(items))),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    Some((Err(StreamError::Lagged { missed }), None))
                }
                Err(broadcast::error::RecvError::Closed) => None,
            }
        });
        Self { endless: true, ..Self::new(items) }
    }

    /// Sends the items that an async block passes to its [`StreamSender`]. The stream is complete when the
    /// block returns `Ok(())`, and fails when it returns an error. `?` converts an error of type `E`, and
    /// that of [`StreamSender::send`].
    ///
    /// When the stream is dropped, the block is dropped at its current await.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use birpc_core::{ErrorObject, Streaming};
    ///
    /// let mut numbers: Streaming<u64> = Streaming::produce(|out| async move {
    ///     for number in 0..3 {
    ///         out.send(number).await?;
    ///     }
    ///     Err(ErrorObject::new(7, "after 3"))?
    /// });
    /// assert_eq!(numbers.next().await, Some(Ok(0)));
    /// # }
    /// ```
    pub fn produce<F, Fut>(producer: F) -> Self
    where
        F: FnOnce(StreamSender<T>) -> Fut,
        Fut: Future<Output = Result<(), StreamError<E>>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        Self::new(Produced::new(producer))
    }

    /// Creates a stream that is complete and has no items.
    pub fn empty() -> Self {
        Self { items: None, endless: false }
    }

    /// Returns the next item. `None` if the stream is complete, or has returned an error before.
    ///
    /// # Errors
    /// Why the stream ended before it was complete. After an error it returns `None`.
    ///
    /// # Cancel safety
    /// No item is lost if the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Result<T, StreamError<E>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Creates a stream that ends at its first error.
    pub(crate) fn new(items: impl Stream<Item = Result<T, StreamError<E>>> + Send + 'static) -> Self {
        Self { items: Some(Box::pin(items)), endless: false }
    }
}

impl<T, E> Stream for Streaming<T, E> {
    type Item = Result<T, StreamError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(items) = self.items.as_mut() else { return Poll::Ready(None) };
        let next = items.as_mut().poll_next(cx);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            self.items = None;
        }
        next
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.as_ref().map_or((0, Some(0)), |items| items.size_hint())
    }
}

impl<T, E> fmt::Debug for Streaming<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").field("ended", &self.items.is_none()).finish_non_exhaustive()
    }
}

#[diagnostic::do_not_recommend]
impl<T: OnWire, E: RpcError> WireType for Streaming<T, E> {
    type Itself = Self;
    type Kind = crate::error::Stream;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize, E: RpcError> SentType for Streaming<T, E> {
    type Itself = Self;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned, E: RpcError> Received for Streaming<T, E> {}
