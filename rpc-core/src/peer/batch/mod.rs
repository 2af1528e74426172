//! Batches: calls and notifications that are sent in one array (JSON-RPC 2.0 §6).
//!
//! A [`Batch`] collects messages in a state that it shares with its calls, [`SendBatch`] sends it, and each
//! [`BatchCall`] waits for its own reply, as a [`super::Call`] does.

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

/// A JSON-RPC batch (JSON-RPC 2.0 §6): calls and notifications that are sent together. [`Peer::batch`]
/// creates one, and so does `batch()` of a stub, whose `S` has the methods of the stub. The peer may serve
/// the entries concurrently and in any order.
///
/// Each call returns a [`BatchCall`], to be awaited after [`Batch::send`]. If it is dropped before, the call
/// is left out. If the batch is dropped without being sent, its calls fail with
/// [`crate::CallError::Unsendable`]. If a stub has a method that is also called `send`, call it with
/// `(*batch).send(…)`.
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
#[must_use = "a batch must be sent"]
pub struct Batch<S> {
    calls: S,
    send: SendBatch,
}

/// The calls of a [`Batch`] by method name; batches of stubs are built on it.
pub struct BatchCalls(Arc<BatchState>);

impl Peer {
    /// Creates an empty [`Batch`] for this peer. The timeout of this handle applies to each of its calls,
    /// from when it is sent.
    pub fn batch(&self) -> Batch<BatchCalls> {
        batch(self, |_: Peer, calls| calls)
    }
}

/// Creates a batch for this peer. `make` makes what its calls are added with, from a stub of the peer.
pub fn batch<C: From<Peer>, S>(peer: &Peer, make: impl FnOnce(C, BatchCalls) -> S) -> Batch<S> {
    let batch_state = Arc::new(BatchState::new(peer.clone()));
    let calls = make(peer.stub(), BatchCalls(batch_state.clone()));
    Batch { calls, send: SendBatch::new(batch_state) }
}

/// Adds the call that a stub's method returns. `R` has no bounds here: the stub's own method checks the type,
/// so that an error is reported once.
pub fn batch_call<R>(calls: &mut BatchCalls, call: Call<R>) -> BatchCall<R> {
    let sensitive = call.is_sensitive();
    let index = calls.0.add_request(call.into_frame().map_err(ErrorDetail::from));
    BatchCall::new(calls.0.clone(), index, sensitive)
}

/// Adds the notification that a stub's method returns.
pub fn batch_notification(calls: &mut BatchCalls, notification: Notify) {
    calls.0.add_notification(notification.into_batch().map_err(ErrorDetail::from));
}

impl<S> Batch<S> {
    /// Sends the batch as one message. The future completes when the message is in the connection's queue,
    /// and waits while the queue is full. An empty batch, or one whose calls have all been dropped, sends
    /// nothing.
    ///
    /// # Errors
    /// [`crate::CallError::Unsendable`] if params do not serialise, if the message exceeds
    /// [`crate::Limits::max_message_out`] (counted with the longest possible ids), or if it has more entries
    /// than [`crate::Limits::max_batch`]; [`crate::CallError::Disconnected`]. In these cases nothing is sent,
    /// and each call of the batch fails with the same error. A client that reconnects and has no connection
    /// waits for one as a call does, which may end in [`crate::CallError::TimedOut`]. A batch that was queued
    /// when its connection ended is not sent on another.
    ///
    /// # Cancel safety
    /// If the future is dropped before it completes, nothing is sent and the calls fail with
    /// [`crate::CallError::Unsendable`].
    pub fn send(self) -> SendBatch {
        self.send
    }
}

impl BatchCalls {
    /// Adds a call; see [`Peer::call`]. If its params do not serialise, [`Batch::send`] returns the error.
    pub fn call<T>(&mut self, method: &str, params: impl Serialize) -> BatchCall<Result<T, ErrorObject>>
    where
        T: DeserializeOwned + Send + 'static,
    {
        batch_call(self, self.0.peer.call(method, params))
    }

    /// Adds a notification; see [`Peer::notify`]. If its params do not serialise, [`Batch::send`] returns the
    /// error.
    pub fn notify(&mut self, method: &str, params: impl Serialize) {
        batch_notification(self, self.0.peer.notify(method, params));
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
