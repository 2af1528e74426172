//! Until when a call may take: a timer of the future that awaits it.
//!
//! It fires in the caller's task, so that no connection that is held up, nor the peer, can put it off.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::Peer;
use crate::shared_state::SharedState;

/// Set from the first poll on, if there is a timeout.
#[derive(Default)]
pub(super) struct Deadline(Option<Pin<Box<Sleep>>>);

impl Deadline {
    /// Counts the timeout of a handle from now on. Any duration is safe.
    pub(super) fn begin(peer: &Peer) -> Self {
        Self(peer.timeout.map(|timeout| within_runtime(&peer.current(), || Box::pin(sleep(timeout)))))
    }

    /// One that counts already.
    pub(super) fn at(shared: &SharedState, at: Option<Instant>) -> Self {
        Self(at.map(|at| within_runtime(shared, || Box::pin(sleep_until(at)))))
    }

    /// When it is.
    pub(super) fn instant(&self) -> Option<Instant> {
        self.0.as_ref().map(|sleep| sleep.deadline())
    }

    /// Ready when the time is up; else the task is woken then.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
    }
}

/// Whoever waits outside of a runtime uses the timer of the connection's.
fn within_runtime<R>(shared: &SharedState, make: impl FnOnce() -> R) -> R {
    let outside = Handle::try_current().is_err();
    let _entered = shared.runtime().filter(|_| outside).map(Handle::enter);
    make()
}
