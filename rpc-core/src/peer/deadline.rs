//! The timeout of a call: a timer that belongs to the future that awaits the call.
//!
//! It fires in the caller's task, so neither a blocked connection nor the peer can delay it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::Peer;
use crate::shared_state::SharedState;

/// Set from the first poll on, if there is a timeout.
#[derive(Default)]
pub(super) struct Deadline(Option<Pin<Box<Sleep>>>);

impl Deadline {
    /// Starts the timeout of a handle. Any duration is valid.
    pub(super) fn begin(peer: &Peer) -> Self {
        Self(peer.timeout.and_then(|timeout| within_runtime(&peer.current(), || Box::pin(sleep(timeout)))))
    }

    /// Counts a duration from now on.
    pub(super) fn after(shared: &SharedState, duration: Duration) -> Self {
        Self(within_runtime(shared, || Box::pin(sleep(duration))))
    }

    /// Creates a timeout that has already started.
    pub(super) fn at(shared: &SharedState, at: Option<Instant>) -> Self {
        Self(at.and_then(|at| within_runtime(shared, || Box::pin(sleep_until(at)))))
    }

    /// Sets another time, if there is a timeout.
    pub(super) fn reset(&mut self, at: Instant) {
        if let Some(sleep) = &mut self.0 {
            sleep.as_mut().reset(at);
        }
    }

    /// When the timeout elapses.
    pub(super) fn instant(&self) -> Option<Instant> {
        self.0.as_ref().map(|sleep| sleep.deadline())
    }

    /// Ready when the timeout has elapsed; otherwise the task is woken then.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
    }
}

/// A task outside of a runtime uses the timer of the connection's runtime. `None` if there is none: a peer
/// that was never connected has no runtime, and nothing waits for it.
fn within_runtime<R>(shared: &SharedState, make: impl FnOnce() -> R) -> Option<R> {
    let _entered = match Handle::try_current() {
        Ok(_) => None,
        Err(_) => Some(shared.runtime()?.enter()),
    };
    Some(make())
}
