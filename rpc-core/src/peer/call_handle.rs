//! A way to cancel a call without owning its future.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::reconnecting::{Reconnecting, WaiterId};
use crate::shared_state::SharedState;

/// Cancels a [`crate::Call`] from anywhere, while its future is awaited elsewhere. A cheap clone, made by
/// [`crate::Call::handle`]; it keeps no connection open and may outlive its call.
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

/// Where the call is that a handle cancels.
pub(super) enum Target {
    /// Nothing was sent; its next poll looks here first.
    Unsent,
    /// It waits for its client's next connection.
    Down {
        reconnecting: Arc<Reconnecting>,
        position: WaiterId,
    },
    Open {
        shared: Arc<SharedState>,
        id: u64,
    },
    /// Behind layers: who awaits it drops them.
    Layered(Waker),
    Cancelled,
    Ended,
}

impl CallHandle {
    pub(super) fn new(target: Target) -> Self {
        Self(Arc::new(Mutex::new(target)))
    }

    /// Ends the call: nothing of it stays, the peer is told to stop if the request had been sent and the
    /// subprotocol has a word for it, and its future gives [`crate::CallError::Cancelled`]. A call that was
    /// never polled is never sent. Once the call has ended this does nothing.
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

    /// Notes where the call is now; `false` if it has been cancelled meanwhile.
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
