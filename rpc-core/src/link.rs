//! What a connection's task shares with everyone who holds its `Peer`: our calls, the queue of what is to
//! be sent, and how the connection ends.
//!
//! All of it is under one short lock. The task that owns the socket takes from it once a turn; whoever
//! adds to it wakes that task, once.

use std::any::{Any, TypeId};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Waker};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use slab::Slab;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::close::{CloseFrame, CloseReason};
use crate::config::Config;
use crate::dialect::Dialect;
use crate::info::ConnectionInfo;
use crate::multiplexer::{CallTable, Completed, Outcome};

/// What a queued frame costs beyond its bytes.
const FRAME_OVERHEAD: usize = 64;

pub(crate) struct Link {
    pub(crate) id: u64,
    pub(crate) config: Arc<Config>,
    pub(crate) info: ConnectionInfo,
    pub(crate) dialect: Dialect,
    state: Mutex<State>,
    /// The connection's task, and whether it has been told that there is work.
    driver: AtomicWaker,
    notified: AtomicBool,
    /// Handlers of this connection that await calls of their own.
    pub(crate) waiting: AtomicUsize,
    /// Calls of the peer that are open here.
    pub(crate) serving: AtomicUsize,
    /// Responses that no call of ours awaited.
    unmatched: AtomicU64,
    values: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    closed: OnceLock<CloseReason>,
    on_closed: Notify,
}

struct State {
    calls: CallTable,
    outbox: VecDeque<Outgoing>,
    queued_bytes: usize,
    /// Who waits for room in the outbox.
    room: Slab<Waker>,
    close: Option<CloseFrame>,
    /// Set once nothing new may be sent.
    ending: Option<CloseReason>,
}

/// Something that waits for its turn on the socket. One queue for all, so that what a handler sent
/// before it returned goes out before its reply.
pub(crate) enum Outgoing {
    Frame(Bytes),
    Call {
        id: u64,
        frame: Bytes,
    },
    /// A handler that had a task of its own has ended; the text is empty if no reply is due.
    Finished {
        key: usize,
        reply: Vec<u8>,
    },
}

impl Outgoing {
    fn size(&self) -> usize {
        FRAME_OVERHEAD
            + match self {
                Self::Frame(frame) | Self::Call { frame, .. } => frame.len(),
                Self::Finished { reply, .. } => reply.len(),
            }
    }
}

/// What the connection's task finds when it looks.
pub(crate) struct Work {
    pub(crate) close: Option<CloseFrame>,
    pub(crate) next_deadline: Option<Instant>,
    /// Whether something is left that did not fit the budget.
    pub(crate) more: bool,
}

impl Link {
    pub(crate) fn new(config: Arc<Config>, info: ConnectionInfo) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            dialect: Dialect::of(info.subprotocol.as_deref()),
            config,
            info,
            state: Mutex::new(State {
                calls: CallTable::new(),
                outbox: VecDeque::new(),
                queued_bytes: 0,
                room: Slab::new(),
                close: None,
                ending: None,
            }),
            driver: AtomicWaker::new(),
            notified: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            serving: AtomicUsize::new(0),
            unmatched: AtomicU64::new(0),
            values: Mutex::default(),
            closed: OnceLock::new(),
            on_closed: Notify::new(),
        }
    }

    /// A link to nobody.
    pub(crate) fn detached() -> Self {
        let link = Self::new(Arc::default(), ConnectionInfo::default());
        link.end(CloseReason::lost("there is no connection"));
        link
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code of a user's runs under the lock, so it is never left half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the connection's task that there is work, if it has not been told.
    pub(crate) fn notify_driver(&self) {
        if !self.notified.swap(true, Ordering::AcqRel) {
            self.driver.wake();
        }
    }
}

/// For callers.
impl Link {
    /// Enters a call; `Err` with the reason if the connection has ended.
    pub(crate) fn open_call(&self, waiter: &Waker, deadline: Option<Instant>) -> Result<u64, CloseReason> {
        let mut state = self.state();
        if let Some(reason) = &state.ending {
            return Err(reason.clone());
        }
        let id = state.calls.insert(waiter.clone(), deadline);
        drop(state);
        if deadline.is_some() {
            self.notify_driver();
        }
        Ok(id)
    }

    /// Queues something if there is room; else `waiter` is woken when there is. `key` is the waiter's
    /// place in the queue, to be given again and back.
    pub(crate) fn queue_when_room(
        &self,
        waiter: &Waker,
        key: &mut Option<usize>,
        make: impl FnOnce() -> Outgoing,
    ) -> Result<bool, CloseReason> {
        let mut state = self.state();
        if let Some(reason) = &state.ending {
            let reason = reason.clone();
            state.leave_room(key);
            return Err(reason);
        }
        if state.queued_bytes >= self.config.limits.max_queued_bytes {
            state.wait_for_room(waiter, key);
            return Ok(false);
        }
        state.leave_room(key);
        state.push(make());
        drop(state);
        self.notify_driver();
        Ok(true)
    }

    /// Queues something that may not wait: replies, cancels, frames of a broadcast.
    pub(crate) fn queue(&self, outgoing: Outgoing) {
        let mut state = self.state();
        if state.ending.is_some() {
            return;
        }
        state.push(outgoing);
        drop(state);
        self.notify_driver();
    }

    /// Queues a frame unless the queue is full or the connection has ended.
    pub(crate) fn try_queue(&self, frame: Bytes) -> bool {
        let mut state = self.state();
        if state.ending.is_some() || state.queued_bytes >= self.config.limits.max_queued_bytes {
            return false;
        }
        state.push(Outgoing::Frame(frame));
        drop(state);
        self.notify_driver();
        true
    }

    /// The outcome of a call and whether its request had been sent.
    pub(crate) fn poll_call(&self, id: u64, cx: &Context<'_>) -> std::task::Poll<(Outcome, bool)> {
        self.state().calls.poll(id, cx.waker())
    }

    /// Forgets a call and tells the peer, if it knows of it.
    pub(crate) fn cancel_call(&self, id: u64, room: &mut Option<usize>) {
        let mut state = self.state();
        state.leave_room(room);
        if state.calls.remove(id) {
            self.tell_cancelled(&mut state, id);
        }
        drop(state);
        self.notify_driver();
    }

    fn tell_cancelled(&self, state: &mut State, id: u64) {
        if state.ending.is_none()
            && let Some(frame) = self.dialect.cancel(id)
        {
            state.push(Outgoing::Frame(frame));
        }
    }

    /// Gives up a place in the queue for room.
    pub(crate) fn leave_room(&self, key: &mut Option<usize>) {
        if key.is_some() {
            self.state().leave_room(key);
        }
    }

    /// Asks for the closing handshake; the first who asks decides code and reason.
    pub(crate) fn close(&self, frame: CloseFrame) {
        let mut state = self.state();
        state.close.get_or_insert(frame);
        drop(state);
        self.notify_driver();
    }

    /// Calls made here that await their reply.
    pub(crate) fn in_flight(&self) -> usize {
        self.state().calls.len()
    }

    /// Responses so far that no call of ours awaited: late, or never ours.
    pub(crate) fn unmatched(&self) -> u64 {
        self.unmatched.load(Ordering::Relaxed)
    }

    /// Why the connection is ending or has ended.
    pub(crate) fn ending(&self) -> Option<CloseReason> {
        self.state().ending.clone()
    }

    /// Why the connection ended, once it has.
    pub(crate) async fn closed(&self) -> CloseReason {
        loop {
            let notified = self.on_closed.notified();
            if let Some(reason) = self.closed.get() {
                return reason.clone();
            }
            notified.await;
        }
    }
}

/// For the connection's task.
impl Link {
    pub(crate) fn register_driver(&self, cx: &Context<'_>) {
        self.driver.register(cx.waker());
    }

    /// Whether something was queued since the last [`Link::take_work`].
    pub(crate) fn has_work(&self) -> bool {
        self.notified.load(Ordering::Acquire)
    }

    /// Moves up to `budget` bytes of what is queued into `into`, in order.
    pub(crate) fn take_work(&self, into: &mut VecDeque<Outgoing>, mut budget: usize) -> Work {
        self.notified.store(false, Ordering::Release);
        let mut state = self.state();
        while budget > 0
            && let Some(outgoing) = state.outbox.pop_front()
        {
            let size = outgoing.size();
            state.queued_bytes -= size;
            budget = budget.saturating_sub(size);
            if let Outgoing::Call { id, .. } = outgoing
                && !state.calls.mark_sent(id)
            {
                continue;
            }
            into.push_back(outgoing);
        }
        let wakers = state.take_room_waiters(self.config.limits.max_queued_bytes);
        let work = Work {
            close: state.close.clone(),
            next_deadline: state.calls.next_deadline(),
            more: !state.outbox.is_empty(),
        };
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        work
    }

    /// Bytes that wait for the socket.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.state().queued_bytes
    }

    /// Ends a call of ours with what the peer answered; `false` if there is none such.
    pub(crate) fn complete(&self, id: u64, outcome: Outcome) -> bool {
        let completed = self.state().calls.complete(id, outcome);
        match completed {
            Completed::Waiter(waiter) => {
                if let Some(waiter) = waiter {
                    waiter.wake();
                }
                true
            }
            Completed::Unknown => false,
        }
    }

    pub(crate) fn count_unmatched(&self) {
        self.unmatched.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a call of ours with this id awaits its reply.
    pub(crate) fn is_waiting(&self, id: u64) -> bool {
        self.state().calls.is_waiting(id)
    }

    /// Ends the calls whose time is up and tells the peer.
    pub(crate) fn expire_calls(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let expired = state.calls.expire(now);
        for call in expired.iter().filter(|call| call.sent) {
            self.tell_cancelled(&mut state, call.id);
        }
        let next = state.calls.next_deadline();
        drop(state);
        if expired.iter().any(|call| call.sent) {
            self.notify_driver();
        }
        expired.into_iter().filter_map(|call| call.waiter).for_each(Waker::wake);
        next
    }

    /// From now on nothing can be sent; every call of ours ends at once.
    pub(crate) fn begin_end(&self, reason: CloseReason) {
        let mut state = self.state();
        if state.ending.is_some() {
            return;
        }
        state.ending = Some(reason);
        state.outbox = VecDeque::new();
        state.queued_bytes = 0;
        let mut wakers = state.calls.disconnect();
        wakers.extend(state.take_room_waiters(usize::MAX));
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The connection has ended.
    pub(crate) fn end(&self, reason: CloseReason) {
        self.begin_end(reason.clone());
        let _ = self.closed.set(reason);
        self.on_closed.notify_waiters();
    }
}

/// Values that the application keeps with a connection, one for each type.
impl Link {
    pub(crate) fn value<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.get(&TypeId::of::<T>()).cloned()?.downcast().ok()
    }

    pub(crate) fn insert_value<T: Any + Send + Sync>(&self, value: T) -> Option<Arc<T>> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.insert(TypeId::of::<T>(), Arc::new(value))?.downcast().ok()
    }
}

impl State {
    fn push(&mut self, outgoing: Outgoing) {
        self.queued_bytes += outgoing.size();
        self.outbox.push_back(outgoing);
    }

    fn wait_for_room(&mut self, waiter: &Waker, key: &mut Option<usize>) {
        match key.and_then(|key| self.room.get_mut(key)) {
            Some(registered) => registered.clone_from(waiter),
            None => *key = Some(self.room.insert(waiter.clone())),
        }
    }

    fn leave_room(&mut self, key: &mut Option<usize>) {
        if let Some(key) = key.take() {
            self.room.try_remove(key);
        }
    }

    /// Wakes all, each of whom looks again: who finds no room waits on.
    fn take_room_waiters(&mut self, limit: usize) -> Vec<Waker> {
        if self.room.is_empty() || self.queued_bytes >= limit {
            return Vec::new();
        }
        self.room.iter().map(|(_, waker)| waker.clone()).collect()
    }
}
