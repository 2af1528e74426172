//! A call of a batch, from the batch to its outcome.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use serde::de::DeserializeOwned;

use super::batch_state::{BatchState, Entered};
use crate::error::{CallError, MethodResult};
use crate::peer::call::typed;
use crate::peer::deadline::Deadline;
use crate::peer::raw_reply::conclude;
use crate::served_call::Wait;

/// A call that is sent with its [`super::Batch`]. Its output is the method's result. It may be awaited before
/// the batch is sent, by another task or concurrently with the sending.
///
/// # Cancel safety
/// Dropping it cancels the call, as dropping a [`crate::Call`] does. Before the batch is sent, it removes the
/// call from the batch. Other calls are not affected.
/// left out of it. The other calls go on.
#[must_use = "a call of a batch is cancelled when this is dropped"]
pub struct BatchCall<R> {
    batch_state: Arc<BatchState>,
    state: State,
    /// Whether errors must not show the result.
    sensitive: bool,
    /// Set while a handler awaits this call.
    wait: Option<Wait>,
    deadline: Deadline,
    result: PhantomData<fn() -> R>,
}

enum State {
    /// In the batch that has not been sent, at this index.
    Gathered(usize),
    Entered(Entered),
    Done,
}

impl<R> BatchCall<R> {
    pub(super) fn new(batch_state: Arc<BatchState>, index: usize, sensitive: bool) -> Self {
        let deadline = Deadline::default();
        Self {
            batch_state,
            state: State::Gathered(index),
            sensitive,
            wait: None,
            deadline,
            result: PhantomData,
        }
    }
}

impl<R: MethodResult<Ok: DeserializeOwned>> BatchCall<R> {
    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<R::Ok, CallError<R::Err>>> {
        if let State::Gathered(index) = self.state {
            match ready!(self.batch_state.poll_entered(index, cx)) {
                Ok(call) => {
                    self.deadline = Deadline::at(&call.shared, call.deadline);
                    self.state = State::Entered(call);
                }
                Err(failure) => {
                    self.state = State::Done;
                    return Poll::Ready(Err(failure.error()));
                }
            }
        }
        // A future that is polled after its end stays pending, as std's fused futures do.
        let State::Entered(call) = std::mem::replace(&mut self.state, State::Done) else {
            return Poll::Pending;
        };
        let Poll::Ready((outcome, sent)) = call.shared.as_caller().poll_call(call.id, cx) else {
            if self.deadline.poll(cx).is_ready() {
                call.expire();
                return Poll::Ready(Err(CallError::TimedOut));
            }
            self.state = State::Entered(call);
            return Poll::Pending;
        };
        Poll::Ready(typed::<R>(conclude(&call.shared, outcome, sent, self.sensitive, call.observed)))
    }
}

impl<R: MethodResult<Ok: DeserializeOwned>> Future for BatchCall<R> {
    type Output = Result<R::Ok, CallError<R::Err>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.poll_outcome(cx);
        match &polled {
            Poll::Pending if self.wait.is_none() => self.wait = Wait::begin(),
            Poll::Pending => {}
            Poll::Ready(_) => self.wait = None,
        }
        polled
    }
}

impl<R> Drop for BatchCall<R> {
    fn drop(&mut self) {
        let entered = match std::mem::replace(&mut self.state, State::Done) {
            State::Gathered(index) => self.batch_state.leave(index),
            State::Entered(call) => Some(call),
            State::Done => None,
        };
        if let Some(call) = entered {
            call.cancel();
        }
    }
}

impl<R> fmt::Debug for BatchCall<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchCall").finish_non_exhaustive()
    }
}
