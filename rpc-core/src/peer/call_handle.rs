//! Cancels a call without owning its future.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use crate::reconnecting::{Reconnecting, WaiterId};
use crate::shared_state::SharedState;

/// Cancels a [`crate::Call`] while its future is awaited elsewhere. [`crate::Call::handle`] creates it. A
/// clone is cheap. A handle does not keep a connection open and may outlive its call.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// # use birpc_core::{CallError, Connection, Context, ErrorObject, Router};
/// # let wait = |_: Context, (): ()| std::future::pending::<Result<(), ErrorObject>>();
/// # let (peer, _) = Connection::pair(Router::new(), Router::new().method("wait", wait));
/// let call = peer.call::<()>("wait", ());
/// let handle = call.handle();
/// let call = tokio::spawn(call);
/// handle.cancel();
/// assert_eq!(call.await.expect("no panic"), Err(CallError::Cancelled));
/// # }
/// ```
#[derive(Clone)]
pub struct CallHandle(Arc<Mutex<Target>>);

/// The state of the call.
pub(super) enum Target {
    /// Nothing has been sent. The call checks this state at its next poll.
    Unsent,
    /// The call waits for its client's next connection.
    Down {
        reconnecting: Arc<Reconnecting>,
        position: WaiterId,
    },
    Open {
        shared: Arc<SharedState>,
        id: u64,
    },
    /// The call runs in layers. The task that awaits it drops them.
    Layered(Waker),
    Cancelled,
    Ended,
}

impl CallHandle {
    pub(super) fn new(target: Target) -> Self {
        Self(Arc::new(Mutex::new(target)))
    }

    /// Cancels the call: its entry is removed, the peer gets a cancel message if the request had been sent
    /// and the subprotocol has one, and its future returns [`crate::CallError::Cancelled`]. A call that has
    /// not been polled is never sent. If the call has ended, this has no effect.
    pub fn cancel(&self) {
        let mut target = self.lock();
        if matches!(*target, Target::Ended | Target::Cancelled) {
            return;
        }
        let was = std::mem::replace(&mut *target, Target::Cancelled);
        drop(target);
        match was {
            Target::Open { shared, id } => shared.as_caller().end_call(id),
            Target::Layered(waker) => waker.wake(),
            Target::Down { reconnecting, position } => reconnecting.wake(position),
            Target::Unsent | Target::Cancelled | Target::Ended => {}
        }
    }

    /// Records the state of the call; `false` if the call has been cancelled.
    pub(super) fn set(&self, now: Target) -> bool {
        let mut target = self.lock();
        let cancelled = matches!(*target, Target::Cancelled);
        if !cancelled {
            *target = now;
        }
        !cancelled
    }

    pub(super) fn is_cancelled(&self) -> bool {
        matches!(*self.lock(), Target::Cancelled)
    }

    fn lock(&self) -> MutexGuard<'_, Target> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CallHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallHandle").finish_non_exhaustive()
    }
}

/// The handle of a call, which is created when it is first requested. When dropped, the call has ended.
#[derive(Default)]
pub(super) struct LazyHandle(OnceLock<CallHandle>);

impl LazyHandle {
    /// The handle of a call that has this state.
    pub(super) fn get(&self, state: impl FnOnce() -> Target) -> CallHandle {
        self.0.get_or_init(|| CallHandle::new(state())).clone()
    }

    /// The same handle, for a call that continues this one.
    pub(super) fn again(&self) -> Self {
        Self(self.0.clone())
    }

    /// Records the state of the call, if there is a handle; `false` if that has cancelled the call.
    pub(super) fn tell(&self, state: impl FnOnce() -> Target) -> bool {
        self.0.get().is_none_or(|handle| handle.set(state()))
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.0.get().is_some_and(CallHandle::is_cancelled)
    }
}

impl Drop for LazyHandle {
    fn drop(&mut self) {
        if let Some(handle) = self.0.get() {
            handle.set(Target::Ended);
        }
    }
}
