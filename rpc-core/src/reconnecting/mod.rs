//! A client that reconnects: the connection that is up now, or the outage until the next.
//!
//! Each connection is a [`SharedState`] of its own, with its own calls and its own end. The client is what
//! outlives them: handles, the application's values, and who waits for the next connection.
//! [`ReconnectDriver`] renews it.

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

/// What calls and notifications do that are made while a client that reconnects has no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhileDown {
    /// They wait for the next connection, up to a maximum number. Further ones fail at once, as with
    /// [`WhileDown::Fail`].
    Wait {
        /// Calls and notifications that wait.
        at_most: usize,
    },
    /// They fail at once as [`crate::CallError::Disconnected`] with `sent: false`.
    Fail,
}

impl Default for WhileDown {
    /// 1024 wait.
    fn default() -> Self {
        Self::Wait { at_most: 1024 }
    }
}

pub(crate) struct Reconnecting {
    /// What its handles have in common.
    pub(crate) id: u64,
    pub(crate) config: Arc<Config>,
    /// What is the same for all of its connections, such as the URL.
    pub(crate) info: ConnectionInfo,
    /// The application's, which outlive each connection.
    pub(crate) values: Values,
    /// The subprotocols that its connections have had.
    subprotocols: Names,
    lets_wait: bool,
    /// Bytes of requests that are kept, in case that they have to be sent again.
    kept: AtomicUsize,
    state: Mutex<State>,
    on_change: Notify,
}

struct State {
    phase: Phase,
    /// The connection that is up, the one that is being set up, or the last; before the first, one that has
    /// ended.
    current: Arc<SharedState>,
    /// Connections that have been up.
    ups: u64,
    /// Why the last of them ended.
    lost: Option<CloseReason>,
    /// The close that was asked for first: no connection comes after it.
    close: Option<CloseFrame>,
    waiters: WaitList,
}

#[derive(Clone)]
pub(crate) enum Phase {
    Up,
    Down,
    Ended(CloseReason),
}

/// The state of a client, for those that follow it.
pub(crate) struct Standing {
    pub(crate) phase: Phase,
    /// Connections that have been up.
    pub(crate) ups: u64,
    /// Why the last of them ended.
    pub(crate) lost: Option<CloseReason>,
}

impl Reconnecting {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock, so it is never left half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that is up, the one that is being set up, or the last.
    pub(crate) fn current(&self) -> Arc<SharedState> {
        self.state().current.clone()
    }

    /// The connection that is up. While there is none, `waker` is woken when something changes, if there is
    /// a place; `Err` if there is none, or the client has ended.
    pub(crate) fn poll_connection(
        &self,
        position: &mut QueuePosition,
        waker: &Waker,
    ) -> Poll<Result<Arc<SharedState>, CloseReason>> {
        let mut spare = None;
        if let Some(found) = self.look(position, &mut spare) {
            return found;
        }
        // Cloned, as it is dropped, where no lock is held: both are the executor's code.
        spare = Some(waker.clone());
        self.look(position, &mut spare).unwrap_or(Poll::Pending)
    }

    /// As [`Reconnecting::poll_connection`]. `None` if it waits, and `spare` has no waker; what is in it then
    /// is to be dropped by the caller.
    fn look(
        &self,
        position: &mut QueuePosition,
        spare: &mut Option<Waker>,
    ) -> Option<Poll<Result<Arc<SharedState>, CloseReason>>> {
        let mut state = self.state();
        let ended = match (&state.phase, &state.close) {
            // Its task may not have noticed yet that it is over.
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
        let reason = ended.or_else(|| shared.ending()).or(lost);
        Some(Poll::Ready(Err(reason.unwrap_or_else(|| CloseReason::lost("there is no connection yet")))))
    }

    /// Whether calls wait for the next connection at all.
    pub(crate) fn lets_wait(&self) -> bool {
        self.lets_wait
    }

    /// Counts the copy of a request; `false` if there is no room for it
    /// ([`crate::Limits::max_queued_bytes`]).
    pub(crate) fn keep(&self, bytes: usize) -> bool {
        let limit = self.config.limits.max_queued_bytes;
        let fits = self.kept.fetch_add(bytes, Ordering::AcqRel).saturating_add(bytes) <= limit;
        if !fits {
            self.release(bytes);
        }
        fits
    }

    /// The copy of a request is gone.
    pub(crate) fn release(&self, bytes: usize) {
        self.kept.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Gives up a place among those who wait.
    pub(crate) fn leave(&self, position: &mut QueuePosition) {
        let _dropped_later = self.state().waiters.leave(position);
    }

    /// Has one who waits look again.
    pub(crate) fn wake(&self, id: WaiterId) {
        let waker = self.state().waiters.waker(id);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Closes the connection that there is, and ends the renewing; the first who asks decides.
    pub(crate) fn close(&self, frame: CloseFrame) {
        let mut state = self.state();
        let frame = state.close.get_or_insert(frame).clone();
        let (shared, wakers) = (state.current.clone(), state.waiters.take_wakers());
        drop(state);
        shared.as_caller().close(frame);
        self.changed(wakers);
    }

    /// Where the client is in its life; an outage is `Connecting`.
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

    /// Why it has ended, or why the last connection did in an outage.
    pub(crate) fn ending(&self) -> Option<CloseReason> {
        let state = self.state();
        let (phase, lost, shared) = (state.phase.clone(), state.lost.clone(), state.current.clone());
        drop(state);
        match phase {
            Phase::Ended(reason) => Some(reason),
            Phase::Down => lost,
            Phase::Up => shared.ending(),
        }
    }

    /// The subprotocol of the connection.
    pub(crate) fn subprotocol(&self) -> Option<&str> {
        let shared = self.current();
        let protocol = shared.info().subprotocol.as_deref()?;
        // The client's own, since connections come and go.
        self.subprotocols.get(protocol)
    }

    pub(crate) fn standing(&self) -> Standing {
        let state = self.state();
        Standing { phase: state.phase.clone(), ups: state.ups, lost: state.lost.clone() }
    }

    /// Waits until `look` finds something; it looks again after each change.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        loop {
            // Made before the look, so that a change between the two is not missed.
            let changed = self.on_change.notified();
            if let Some(found) = look(self) {
                return found;
            }
            changed.await;
        }
    }

    /// Why it has ended, once it has.
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
