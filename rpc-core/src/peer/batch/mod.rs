//! Calls and notifications that are gathered and go out in one array (JSON-RPC 2.0 §6).
//!
//! A [`Batch`] fills what it shares with its calls, [`SendBatch`] sends it, and each [`BatchCall`] awaits its
//! own reply as a [`super::Call`] does.

mod batch_state;
mod call;
mod send;

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Call, Notify, Peer};
use crate::error::ErrorDetail;
use crate::message::ErrorObject;
use batch_state::BatchState;

pub use call::BatchCall;
pub use send::SendBatch;

/// Calls and notifications that go out in one JSON-RPC batch (JSON-RPC 2.0 §6), when it is sent: made by
/// [`Peer::batch`], or by `batch()` of a stub, whose `S` has the methods of the stub. The peer may serve them
/// in any order, and at the same time.
///
/// Each call gives a [`BatchCall`] to await after [`Batch::send`]. One that is dropped before is left out. If
/// the batch is dropped without being sent, its calls end as [`crate::CallError::Unsendable`]. A method of a
/// stub that is called `send` too is reached with `(*batch).send(…)`.
///
/// ```
/// # async fn example(peer: birpc_core::Peer) -> Result<(), birpc_core::CallError> {
/// let mut batch = peer.batch();
/// let sum = batch.call::<i64>("add", (1, 2));
/// let product = batch.call::<i64>("multiply", (3, 4));
/// batch.notify("log", ["two calls"]);
/// batch.send().await?;
/// println!("{} {}", sum.await?, product.await?);
/// # Ok(()) }
/// ```
#[must_use = "a batch goes out when it is sent"]
pub struct Batch<S> {
    calls: S,
    send: SendBatch,
}

/// The calls of a [`Batch`] by method name; what the batches of stubs are made of.
pub struct BatchCalls(Arc<BatchState>);

impl Peer {
    /// An empty [`Batch`] for this peer. A timeout of this handle bounds each of its calls, from when it is
    /// sent.
    pub fn batch(&self) -> Batch<BatchCalls> {
        Batch::new(self)
    }
}

impl<S: From<BatchCalls>> Batch<S> {
    #[doc(hidden)]
    pub fn new(peer: &Peer) -> Self {
        let batch_state = Arc::new(BatchState::new(peer.clone()));
        Self { calls: S::from(BatchCalls(batch_state.clone())), send: SendBatch::new(batch_state) }
    }
}

impl<S> Batch<S> {
    /// Sends what was gathered as one message. The future is ready once that is in the connection's queue,
    /// and waits while the queue is full. An empty batch, and one whose calls were all dropped, sends
    /// nothing.
    ///
    /// # Errors
    /// [`crate::CallError::Unsendable`] if params do not serialise, if the message is over
    /// [`crate::Limits::max_message_out`] (counted with the longest ids), or if it has more entries than
    /// [`crate::Limits::max_batch`]; [`crate::CallError::Disconnected`]. Nothing is sent then, and each call
    /// of the batch ends with the same error. A client that reconnects and has no connection waits for one as
    /// a call does, [`crate::CallError::TimedOut`] included; a batch that was queued when its connection
    /// ended is not sent on another.
    ///
    /// # Cancel safety
    /// Nothing is sent if the future is dropped before it is ready; the calls end as
    /// [`crate::CallError::Unsendable`].
    pub fn send(self) -> SendBatch {
        self.send
    }
}

impl BatchCalls {
    /// Adds a call; see [`Peer::call`]. Params that do not serialise are reported by [`Batch::send`].
    pub fn call<T>(&mut self, method: &str, params: impl Serialize) -> BatchCall<Result<T, ErrorObject>>
    where
        T: DeserializeOwned + Send + 'static,
    {
        self.request(self.0.peer.call(method, params))
    }

    /// Adds a notification; see [`Peer::notify`]. Params that do not serialise are reported by
    /// [`Batch::send`].
    pub fn notify(&mut self, method: &str, params: impl Serialize) {
        self.notification(self.0.peer.notify(method, params));
    }

    /// Adds what a stub's method gives for a request. Anything is taken for the result: the stub's own method
    /// is where it is checked, and reported once.
    #[doc(hidden)]
    pub fn request<R>(&mut self, call: Call<R>) -> BatchCall<R> {
        let index = self.0.add_request(call.into_frame().map_err(ErrorDetail::from));
        BatchCall::new(self.0.clone(), index)
    }

    /// Adds what a stub's method gives for a notification.
    #[doc(hidden)]
    pub fn notification(&mut self, notification: Notify) {
        self.0.add_notification(notification.into_batch().map_err(ErrorDetail::from));
    }

    /// A stub of the peer that the batch is for.
    #[doc(hidden)]
    #[must_use]
    pub fn stub<S: From<Peer>>(&self) -> S {
        self.0.peer.stub()
    }
}

impl<S> Deref for Batch<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.calls
    }
}

impl<S> DerefMut for Batch<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.calls
    }
}

impl<S> fmt::Debug for Batch<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}

impl fmt::Debug for BatchCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchCalls").finish_non_exhaustive()
    }
}
