//! A call whose result is a stream of updates.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::raw_call::RawCall;
use super::resubscribe::{Params, Resubscribe};
use super::updates::updates;
use crate::error::{CallError, RpcError};
use crate::streaming::{Streaming, Update};

/// A [`Call`](crate::Call) whose result is a stream of [`Update`]s: items, and marks where items are missing.
/// It is sent when it is first polled.
///
/// # Cancel safety
/// Dropping it cancels the call, like a [`Call`](crate::Call).
#[must_use = "a call is sent when it is awaited"]
pub struct SubscribeCall<T, U, E> {
    raw: RawCall,
    /// Until the first poll.
    params: Option<Params>,
    again: Option<Box<Resubscribe>>,
    types: PhantomData<Types<T, U, E>>,
}

/// The types of a call that gives a plain stream.
type Types<T, U, E> = fn() -> Result<Streaming<T, U>, E>;

impl<T, U, E> SubscribeCall<T, U, E> {
    pub(super) fn new(raw: RawCall) -> Self {
        Self { raw, params: None, again: None, types: PhantomData }
    }

    /// See [`Call::drop_oldest`](crate::Call::drop_oldest).
    pub fn drop_oldest(mut self) -> Self {
        if let Some(streams) = self.raw.streams_mut() {
            streams.subscribing().set_drop_oldest();
        }
        self
    }

    /// See [`Call::resubscribing`](crate::Call::resubscribing).
    pub fn resubscribing(mut self) -> Self {
        self.params = Some(Params::Same);
        self
    }

    /// See [`Call::resubscribing_with`](crate::Call::resubscribing_with).
    pub fn resubscribing_with<P>(mut self, params: impl FnMut(Option<T>) -> P + Send + 'static) -> Self
    where
        T: DeserializeOwned,
        P: Serialize,
    {
        self.params = Some(Params::from_last(params));
        self
    }
}

impl<T, U, E> Future for SubscribeCall<T, U, E>
where
    T: DeserializeOwned + Send + 'static,
    U: RpcError,
    E: RpcError,
{
    type Output = Result<Streaming<Update<T>, U>, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(params) = self.params.take() {
            self.again = Resubscribe::new(&self.raw, params).map_err(CallError::typed)?;
        }
        let reply = ready!(self.raw.poll(cx)).map_err(CallError::typed)?;
        Poll::Ready(updates(reply, self.again.take()).map_err(CallError::typed))
    }
}

impl<T, U, E> fmt::Debug for SubscribeCall<T, U, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscribeCall").finish_non_exhaustive()
    }
}
