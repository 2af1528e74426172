//! A stream whose items an async block sends.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::Stream;
use pin_project_lite::pin_project;
use thiserror::Error;
use tokio::sync::mpsc;

use super::StreamError;

/// Sends the items of a stream: the parameter of the block of
/// [`Streaming::produce`](crate::Streaming::produce). A clone sends to the same stream.
pub struct StreamSender<T> {
    items: mpsc::Sender<T>,
}

/// An item cannot be sent because its stream was dropped: its consumer has stopped it, or its connection has
/// ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("the stream is closed: its consumer has stopped it, or its connection has ended")]
pub struct StreamClosed;

impl<T> StreamSender<T> {
    /// Sends an item. It waits until the stream has passed on the item before, so it waits while the consumer
    /// does not read.
    ///
    /// # Errors
    /// [`StreamClosed`] if the stream was dropped, or its block has ended.
    ///
    /// # Cancel safety
    /// The item is lost if the future is dropped before it is ready.
    pub async fn send(&self, item: T) -> Result<(), StreamClosed> {
        self.items.send(item).await.map_err(|_| StreamClosed)
    }

    /// Waits until the stream is dropped.
    pub async fn closed(&self) {
        self.items.closed().await;
    }
}

impl<T> Clone for StreamSender<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone() }
    }
}

impl<T> fmt::Debug for StreamSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSender").finish_non_exhaustive()
    }
}

impl<E> From<StreamClosed> for StreamError<E> {
    /// The stream was dropped, so no consumer gets this error.
    fn from(_: StreamClosed) -> Self {
        Self::Cancelled
    }
}

pin_project! {
    /// The block, and the items that it has sent and that are not taken yet. There is at most one.
    pub(super) struct Produced<T, E, Fut> {
        items: mpsc::Receiver<T>,
        #[pin]
        block: Option<Fut>,
        failed: Option<StreamError<E>>,
    }
}

impl<T, E, Fut> Produced<T, E, Fut> {
    pub(super) fn new(producer: impl FnOnce(StreamSender<T>) -> Fut) -> Self {
        let (sender, items) = mpsc::channel(1);
        Self { items, block: Some(producer(StreamSender { items: sender })), failed: None }
    }
}

impl<T, E, Fut: Future<Output = Result<(), StreamError<E>>>> Stream for Produced<T, E, Fut> {
    type Item = Result<T, StreamError<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        // An item that was sent already is returned without polling the block.
        if let Ok(item) = this.items.try_recv() {
            return Poll::Ready(Some(Ok(item)));
        }
        if let Some(block) = this.block.as_mut().as_pin_mut()
            && let Poll::Ready(ended) = block.poll(cx)
        {
            *this.failed = ended.err();
            this.block.set(None);
            this.items.close();
        }
        match this.items.poll_recv(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(item)) => Poll::Ready(Some(Ok(item))),
            // It has dropped its sender, and may still fail.
            Poll::Ready(None) if this.block.is_some() => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(this.failed.take().map(Err)),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{ErrorObject, Streaming};

    #[tokio::test]
    async fn a_block_without_its_sender_may_still_fail() {
        let mut items: Streaming<u64> = Streaming::produce(|out| async move {
            out.send(1).await?;
            drop(out);
            tokio::task::yield_now().await;
            Err(ErrorObject::new(7, "late"))?
        });
        assert_eq!(items.next().await, Some(Ok(1)));
        let end = items.next().await.and_then(Result::err).and_then(|end| end.into_method());
        assert_eq!(end, Some(ErrorObject::new(7, "late")));
        assert_eq!(items.next().await, None);
    }
}
