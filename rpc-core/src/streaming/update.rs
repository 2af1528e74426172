//! The items of a stream that says where items are missing.

use std::time::Duration;

use crate::close::CloseReason;

/// An item of a stream, or a mark at a place where items are missing. The streams of
/// [`Call::resubscribing`](crate::Call::resubscribing) and [`Call::drop_oldest`](crate::Call::drop_oldest)
/// return it.
///
/// ```
/// use birpc_core::{StreamError, Streaming, Update};
///
/// # async fn refetch() -> u64 { 0 }
/// async fn follow(mut prices: Streaming<Update<u64>>) -> Result<(), StreamError> {
///     let mut last = None;
///     while let Some(update) = prices.next().await {
///         last = match update? {
///             Update::Item(price) => Some(price),
///             Update::Gap { reason, outage } => {
///                 println!("{reason}; nothing was heard for {outage:?}");
///                 Some(refetch().await)
///             }
///             _ => last, // missing prices do not matter here
///         };
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Update<T> {
    /// The next item.
    Item(T),
    /// The connection was lost, and the client has subscribed again on the next one. The items of the time
    /// between are missing. The stream returns this once for each outage, before the first item of the new
    /// connection.
    Gap {
        /// Why the connection was lost.
        reason: CloseReason,
        /// The time from the loss until the peer had answered the call that subscribed again.
        outage: Duration,
    },
    /// The consumer was too slow, and the oldest unread items were dropped. The items after this were kept.
    /// This happens only with subscriptions in Ethereum's form; under `birpc.v1` the producer waits.
    Lagged {
        /// The number of items that were dropped.
        missed: u64,
    },
}

impl<T> Update<T> {
    /// The item, if it is one.
    #[must_use]
    pub fn into_item(self) -> Option<T> {
        match self {
            Self::Item(item) => Some(item),
            Self::Gap { .. } | Self::Lagged { .. } => None,
        }
    }
}
