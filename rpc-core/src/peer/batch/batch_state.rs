//! The state that a batch shares with its calls: its contents before it is sent, and its outcome.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use crate::close::CloseReason;
use crate::error::{CallError, ErrorDetail};
use crate::message::{BatchEntry, RequestText};
use crate::observe::{End, Observed};
use crate::peer::Peer;
use crate::peer::attempts::Stopped;
use crate::peer::raw_reply::NEVER_SENT;
use crate::served_call::Nested;
use crate::shared_state::SharedState;

pub(super) struct BatchState {
    /// Keeps a client's connection open.
    pub(super) peer: Peer,
    state: Mutex<State>,
}

struct State {
    /// The messages, or the reasons why they cannot be sent, with the index of the slot for requests. Taken
    /// when the batch is sent.
    entries: Vec<(Option<usize>, Result<BatchEntry, ErrorDetail>)>,
    /// One for each call.
    slots: Vec<Slot>,
    fate: Fate,
}

/// The state of a call.
enum Slot {
    /// The call has not been entered. The waker is that of a task that already awaits it.
    Open(Option<Waker>),
    /// The call was dropped before the batch was sent.
    Dropped,
    /// The call is in the table; `None` once its future has taken the entry.
    Entered(Option<Entered>),
}

/// A call of a batch, entered in the table.
pub(super) struct Entered {
    pub(super) shared: Arc<SharedState>,
    pub(super) id: u64,
    /// Set while the call whose context the batch was made through may cancel this one.
    pub(super) nested: Option<Nested>,
    pub(super) observed: Observed,
    /// When the call times out.
    pub(super) deadline: Option<Instant>,
}

/// The outcome of a batch.
enum Fate {
    Open,
    Entered,
    Failed(Failure),
}

/// Why a batch was not sent.
#[derive(Clone)]
pub(super) enum Failure {
    Unsendable(ErrorDetail),
    TimedOut,
    Disconnected(CloseReason),
}

/// The contents of a batch when it is sent: its messages, and the slots of its requests.
pub(super) struct Gathered {
    pub(super) slots: Vec<usize>,
    pub(super) entries: Vec<BatchEntry>,
}

impl Entered {
    pub(super) fn cancel(self) {
        drop(self.nested); // what caused it need not cancel it too
        self.shared.as_caller().cancel_call(self.id, &mut None);
    }

    /// Ends the call because it has timed out.
    pub(super) fn expire(self) {
        drop(self.nested);
        self.shared.as_caller().expire_call(self.id, &mut None);
        self.observed.end(End::TimedOut);
    }
}

impl Failure {
    pub(super) fn never_sent() -> Self {
        Self::Unsendable(NEVER_SENT.into())
    }

    pub(super) fn error<E>(self) -> CallError<E> {
        match self {
            Self::Unsendable(why) => CallError::Unsendable(why),
            Self::TimedOut => CallError::TimedOut,
            Self::Disconnected(reason) => CallError::Disconnected { reason, sent: false },
        }
    }
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            // A batch that was not sent was not refused by the peer.
            Stopped::Refused(error) => Self::Unsendable(error.to_string().into()),
            Stopped::Down { reason, .. } => Self::Disconnected(reason),
        }
    }
}

impl BatchState {
    pub(super) fn new(peer: Peer) -> Self {
        let state = State { entries: Vec::new(), slots: Vec::new(), fate: Fate::Open };
        Self { peer, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, so a poisoned lock still protects a consistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request. Returns the index of its slot.
    pub(super) fn add_request(&self, frame: Result<RequestText, ErrorDetail>) -> usize {
        let mut state = self.state();
        let index = state.slots.len();
        state.slots.push(Slot::Open(None));
        state.entries.push((Some(index), frame.map(|frame| BatchEntry::Request((), frame))));
        index
    }

    pub(super) fn add_notification(&self, text: Result<Bytes, ErrorDetail>) {
        self.state().entries.push((None, text.map(BatchEntry::Notification)));
    }

    /// Takes the contents, without the calls that were dropped. `Err` if a message cannot be sent.
    pub(super) fn take(&self) -> Result<Gathered, ErrorDetail> {
        let mut state = self.state();
        let taken = std::mem::take(&mut state.entries);
        let dropped = |index: usize| matches!(state.slots.get(index), Some(Slot::Dropped));
        let mut gathered = Gathered { slots: Vec::new(), entries: Vec::new() };
        for (slot, entry) in taken {
            if slot.is_some_and(dropped) {
                continue;
            }
            gathered.slots.extend(slot);
            gathered.entries.push(entry?);
        }
        Ok(gathered)
    }

    /// Passes the entered calls to their slots, by index. Returns those that were dropped in the meantime and
    /// must be cancelled.
    #[must_use]
    pub(super) fn entered(&self, calls: Vec<(usize, Entered)>) -> Vec<Entered> {
        let (mut waiters, mut dropped) = (Vec::new(), Vec::new());
        let mut state = self.state();
        for (index, call) in calls {
            match state.slots.get_mut(index) {
                Some(slot @ Slot::Open(_)) => {
                    if let Slot::Open(Some(waiter)) = std::mem::replace(slot, Slot::Entered(Some(call))) {
                        waiters.push(waiter);
                    }
                }
                _ => dropped.push(call),
            }
        }
        state.fate = Fate::Entered;
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
        dropped
    }

    /// Tells the calls that they are not sent.
    pub(super) fn fail(&self, failure: Failure) {
        let mut state = self.state();
        state.fate = Fate::Failed(failure);
        state.entries = Vec::new();
        let waiter = |slot: &mut Slot| match slot {
            Slot::Open(waiter) => waiter.take(),
            Slot::Dropped | Slot::Entered(_) => None,
        };
        let waiters: Vec<Waker> = state.slots.iter_mut().filter_map(waiter).collect();
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
    }

    /// Waits until a call has been entered.
    pub(super) fn poll_entered(&self, index: usize, cx: &Context<'_>) -> Poll<Result<Entered, Failure>> {
        // The waker is cloned before the lock is taken and dropped after it is released, since both run code
        // of the executor.
        let mut waker = Some(cx.waker().clone());
        let mut guard = self.state();
        let state = &mut *guard;
        match (&state.fate, state.slots.get_mut(index)) {
            (Fate::Failed(failure), _) => Poll::Ready(Err(failure.clone())),
            (_, Some(Slot::Entered(call))) => call.take().map_or(Poll::Pending, |call| Poll::Ready(Ok(call))),
            (Fate::Open, Some(Slot::Open(waiter))) => {
                std::mem::swap(waiter, &mut waker);
                Poll::Pending
            }
            // The call was added after the batch was sent.
            _ => Poll::Ready(Err(Failure::Unsendable("the batch was sent without this call".into()))),
        }
    }

    /// Drops a call. Returns its entry if it has been entered and must be cancelled.
    pub(super) fn leave(&self, index: usize) -> Option<Entered> {
        let left = std::mem::replace(self.state().slots.get_mut(index)?, Slot::Dropped);
        match left {
            Slot::Entered(call) => call,
            Slot::Open(_) | Slot::Dropped => None,
        }
    }
}
