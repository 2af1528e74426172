//! A client that reconnects: the connection that is up, or the outage before the next one.
//!
//! Each connection has a [`SharedState`] of its own, with its own calls and its own end. The state here
//! outlives connections: handles, the application's values, and the calls that wait for the next connection.
//! [`ReconnectDriver`] renews the connection.

mod driver;
mod names;
mod wait_list;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use tokio::sync::Notify;

use crate::close::{CloseFrame, CloseReason, ConnectionState};
use crate::config::Config;
use crate::handshake::ConnectionInfo;
use crate::shared_state::{SharedState, Values};
use names::Names;
use wait_list::WaitList;

pub use driver::ReconnectDriver;
pub(crate) use wait_list::{QueuePosition, WaiterId};

/// What happens to calls and notifications that are made while a client that reconnects has no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhileDown {
    /// They wait for the next connection, up to a maximum number. When that is exceeded, further ones fail at
    /// once, as with [`WhileDown::Fail`].
    Wait {
        /// Maximum number of calls and notifications that wait.
        at_most: usize,
    },
    /// They fail at once with [`crate::CallError::Disconnected`] and `sent: false`.
    Fail,
}

impl Default for WhileDown {
    /// 1024 calls and notifications may wait.
    fn default() -> Self {
        Self::Wait { at_most: 1024 }
    }
}

pub(crate) struct Reconnecting {
    /// The id of all handles of the client.
    pub(crate) id: u64,
    pub(crate) config: Arc<Config>,
    /// The facts that all connections of the client share, such as the URL.
    pub(crate) info: ConnectionInfo,
    /// The application's values, which outlive each connection.
    pub(crate) values: Values,
    /// The subprotocols that the connections have agreed on.
    subprotocols: Names,
    lets_wait: bool,
    /// The size of the requests that are kept because they may have to be sent again, in bytes.
    kept: AtomicUsize,
    state: Mutex<State>,
    on_change: Notify,
}

struct State {
    phase: Phase,
    /// The connection that is up, is being set up, or was up last. Before the first one, a connection that
    /// has already ended.
    current: Arc<SharedState>,
    /// The number of connections that have been up.
    ups: u64,
    /// Why the last connection ended.
    lost: Option<CloseReason>,
    /// The close that was requested first. After it no connection follows.
    close: Option<CloseFrame>,
    waiters: WaitList,
}

#[derive(Clone)]
pub(crate) enum Phase {
    Up,
    Down,
    Ended(CloseReason),
}

/// A snapshot of a client's state, for code that follows its changes.
pub(crate) struct Standing {
    pub(crate) phase: Phase,
    /// The number of connections that have been up.
    pub(crate) ups: u64,
    /// Why the last connection ended.
    pub(crate) lost: Option<CloseReason>,
}

impl Reconnecting {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, so a poisoned lock still protects a consistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that is up, is being set up, or was up last.
    pub(crate) fn current(&self) -> Arc<SharedState> {
        self.state().current.clone()
    }

    /// Returns the connection that is up. While there is none, and if the wait list has room, `waker` is
    /// woken when something changes. `Err` if the list is full or the client has ended.
    pub(crate) fn poll_connection(
        &self,
        position: &mut QueuePosition,
        waker: &Waker,
    ) -> Poll<Result<Arc<SharedState>, CloseReason>> {
        let mut spare = None;
        if let Some(found) = self.look(position, &mut spare) {
            return found;
        }
        // The waker is cloned and dropped while no lock is held: both run code of the executor.
        spare = Some(waker.clone());
        self.look(position, &mut spare).unwrap_or(Poll::Pending)
    }

    /// One attempt of [`Reconnecting::poll_connection`]. `None` if it must wait and `spare` has no waker. The
    /// caller drops what is left in `spare`.
    fn look(
        &self,
        position: &mut QueuePosition,
        spare: &mut Option<Waker>,
    ) -> Option<Poll<Result<Arc<SharedState>, CloseReason>>> {
        let mut state = self.state();
        let ended = match (&state.phase, &state.close) {
            // The connection's task may not have noticed yet that the connection is over.
            (Phase::Up, _) if position.over != Some(state.current.id()) => {
                *spare = state.waiters.leave(position);
                return Some(Poll::Ready(Ok(state.current.clone())));
            }
            (Phase::Ended(reason), _) => Some(reason.clone()),
            (_, Some(frame)) => Some(CloseReason::local(frame)),
            _ => None,
        };
        if ended.is_none() && state.waiters.is_open(position) {
            *spare = state.waiters.take(position, spare.take()?);
            return Some(Poll::Pending);
        }
        *spare = state.waiters.leave(position);
        let (shared, lost) = (state.current.clone(), state.lost.clone());
        drop(state);
        let reason = ended.or_else(|| shared.as_life().ending()).or(lost);
        Some(Poll::Ready(Err(reason.unwrap_or_else(|| CloseReason::lost("there is no connection yet")))))
    }

    /// Whether calls may wait for the next connection.
    pub(crate) fn lets_wait(&self) -> bool {
        self.lets_wait
    }

    /// Counts the copy of a request that is kept; `false` if it would exceed
    /// [`crate::Limits::max_queued_bytes`].
    pub(crate) fn keep(&self, bytes: usize) -> bool {
        let limit = self.config.limits.max_queued_bytes;
        let fits = self.kept.fetch_add(bytes, Ordering::AcqRel).saturating_add(bytes) <= limit;
        if !fits {
            self.release(bytes);
        }
        fits
    }

    /// Stops counting the copy of a request.
    pub(crate) fn release(&self, bytes: usize) {
        self.kept.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Leaves the wait list.
    pub(crate) fn leave(&self, position: &mut QueuePosition) {
        let _dropped_later = self.state().waiters.leave(position);
    }

    /// Wakes a waiting call, so that it checks its state again.
    pub(crate) fn wake(&self, id: WaiterId) {
        let waker = self.state().waiters.waker(id);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Closes the current connection and stops renewing it. Only the first call has an effect.
    pub(crate) fn close(&self, frame: CloseFrame) {
        let mut state = self.state();
        let frame = state.close.get_or_insert(frame).clone();
        let (shared, wakers) = (state.current.clone(), state.waiters.take_wakers());
        drop(state);
        shared.as_caller().close(frame);
        self.changed(wakers);
    }

    /// The client's state; an outage is `Connecting`.
    pub(crate) fn lifetime(&self) -> ConnectionState {
        let state = self.state();
        let (phase, closing, shared) = (state.phase.clone(), state.close.is_some(), state.current.clone());
        drop(state);
        match phase {
            Phase::Ended(_) => ConnectionState::Closed,
            _ if closing => ConnectionState::Closing,
            Phase::Down => ConnectionState::Connecting,
            Phase::Up => shared.as_caller().lifetime(),
        }
    }

    /// Why the client has ended, or in an outage why the last connection ended.
    pub(crate) fn ending(&self) -> Option<CloseReason> {
        let state = self.state();
        let (phase, lost, shared) = (state.phase.clone(), state.lost.clone(), state.current.clone());
        drop(state);
        match phase {
            Phase::Ended(reason) => Some(reason),
            Phase::Down => lost,
            Phase::Up => shared.as_life().ending(),
        }
    }

    /// The subprotocol of the connection.
    pub(crate) fn subprotocol(&self) -> Option<&str> {
        let shared = self.current();
        let protocol = shared.info().subprotocol.as_deref()?;
        // Borrowed from the client, since connections come and go.
        self.subprotocols.get(protocol)
    }

    pub(crate) fn standing(&self) -> Standing {
        let state = self.state();
        Standing { phase: state.phase.clone(), ups: state.ups, lost: state.lost.clone() }
    }

    /// Waits until `look` returns something; it is called again after each change.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        loop {
            // Created before the call of `look`, so that a change between the two is not missed.
            let changed = self.on_change.notified();
            if let Some(found) = look(self) {
                return found;
            }
            changed.await;
        }
    }

    /// Waits until the client has ended, and returns why.
    pub(crate) async fn closed(&self) -> CloseReason {
        self.until(|reconnecting| match reconnecting.standing().phase {
            Phase::Ended(reason) => Some(reason),
            _ => None,
        })
        .await
    }

    fn changed(&self, wakers: Vec<Waker>) {
        self.on_change.notify_waiters();
        wakers.into_iter().for_each(Waker::wake);
    }
}
