//! One call of the peer while it is served: who made it, whether it was cancelled, and whether its
//! handler holds a slot.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use crate::message::{ErrorCode, ErrorObject, Id};
use crate::multiplexer::IncomingCall;
use crate::shared_state::SharedState;

pub(crate) struct ServedCall {
    pub(crate) shared: Arc<SharedState>,
    pub(crate) method: Arc<str>,
    /// `None` for a notification.
    pub(crate) id: Option<Id>,
    /// The batch that it came in.
    pub(crate) batch: Option<usize>,
    /// Whether its method is ordered.
    ordered: bool,
    /// What the handler waits for right now, each [`Wait`] once, and [`FINISHED`] once it has ended.
    waits: AtomicU32,
    cancelled: AtomicBool,
    /// Sections of the handler under way that no cancel interrupts.
    shields: AtomicU32,
    /// Whether its handler began, of one that is behind layers.
    begun: AtomicBool,
    /// Whether a thread is at work for it, which nothing can stop.
    on_thread: AtomicBool,
    /// Calls under way that were made through its context, by their ids.
    nested: Mutex<BTreeSet<u64>>,
    /// The task that polls the handler.
    pub(crate) task: AtomicWaker,
    on_cancelled: Notify,
}

const FINISHED: u32 = 1 << 31;

impl ServedCall {
    pub(crate) fn new(
        shared: Arc<SharedState>,
        method: Arc<str>,
        id: Option<Id>,
        batch: Option<usize>,
        ordered: bool,
    ) -> Self {
        Self {
            shared,
            method,
            id,
            batch,
            ordered,
            waits: AtomicU32::new(0),
            cancelled: AtomicBool::new(false),
            shields: AtomicU32::new(0),
            begun: AtomicBool::new(false),
            on_thread: AtomicBool::new(false),
            nested: Mutex::default(),
            task: AtomicWaker::new(),
            on_cancelled: Notify::new(),
        }
    }

    /// The batch of a notification, in which no reply is due.
    pub(crate) fn notified_batch(&self) -> Option<usize> {
        self.batch.filter(|_| self.id.is_none())
    }

    /// Has the handler dropped at its next await, or at the end of the section that it shields, and with it
    /// the calls that were made through its context.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.on_cancelled.notify_waiters();
        self.task.wake();
        if self.must_stop() {
            self.cancel_nested();
        }
    }

    /// Ends the calls that were made through its context: their cause is gone.
    pub(crate) fn cancel_nested(&self) {
        let nested = std::mem::take(&mut *self.nested());
        nested.into_iter().for_each(|id| self.shared.as_caller().end_call(id));
    }

    fn nested(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.nested.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Whether nothing that it has begun is to go on.
    pub(crate) fn must_stop(&self) -> bool {
        self.is_cancelled() && self.shields.load(Ordering::Acquire) == 0
    }

    /// Whether its handler is to be dropped now.
    pub(crate) fn must_drop(&self) -> bool {
        self.must_stop() && !self.is_on_thread()
    }

    /// Notes that a handler that is behind layers begins.
    pub(crate) fn note_begun(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// Whether a handler that is behind layers has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Waits until it is cancelled.
    pub(crate) async fn cancelled(&self) {
        let mut notified = pin!(self.on_cancelled.notified());
        // The flag at each poll, so that no one who finds it set is kept waiting for the notice.
        poll_fn(|cx| if self.is_cancelled() { Poll::Ready(()) } else { notified.as_mut().poll(cx) }).await;
    }

    /// Whether its handler awaits a call of its own, or room for what it sends.
    pub(crate) fn awaits_peer(&self) -> bool {
        self.waits.load(Ordering::Acquire) & !FINISHED != 0
    }

    /// Whether a thread is at work for it.
    pub(crate) fn is_on_thread(&self) -> bool {
        self.on_thread.load(Ordering::Acquire)
    }

    /// The error that a handler which was dropped is answered with; `None` if no answer is due.
    pub(crate) fn cancelled_reply(&self) -> Option<ErrorObject> {
        self.shared.dialect().answers_cancelled().then(|| ErrorObject::framework(ErrorCode::Cancelled))
    }

    /// Whether its handler has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.waits.load(Ordering::Acquire) & FINISHED != 0
    }

    /// Gives back what the handler still holds. Waits that outlive it count no more.
    pub(crate) fn finish(&self) {
        let waits = self.waits.fetch_or(FINISHED, Ordering::AcqRel);
        if waits == 0 {
            self.shared.server_limits().free_slot();
        } else if waits & FINISHED == 0 {
            self.shared.gauges().end_waiting();
        }
    }
}

impl IncomingCall for Arc<ServedCall> {
    fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    fn reply_batch(&self) -> Option<usize> {
        self.batch.filter(|_| self.id.is_some())
    }

    fn is_ordered(&self) -> bool {
        self.ordered
    }
}

/// Held by a call that was made through the context of another: it ends when that one is cancelled.
pub(crate) struct Nested {
    cause: Arc<ServedCall>,
    id: u64,
}

impl Nested {
    /// For a call that was opened while its cause ran.
    pub(crate) fn begin(cause: &Arc<ServedCall>, id: u64) -> Self {
        cause.nested().insert(id);
        // It may have been cancelled since.
        if cause.must_stop() {
            cause.cancel_nested();
        }
        Self { cause: cause.clone(), id }
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        self.cause.nested().remove(&self.id);
    }
}

/// Keeps a handler from being dropped by a cancel while it is there.
pub(crate) struct Shielded(Arc<ServedCall>);

impl Shielded {
    pub(crate) fn begin(call: &Arc<ServedCall>) -> Self {
        call.shields.fetch_add(1, Ordering::AcqRel);
        Self(call.clone())
    }
}

impl Drop for Shielded {
    fn drop(&mut self) {
        // A cancel that came meanwhile takes effect now: the section may have ended in another task.
        if self.0.shields.fetch_sub(1, Ordering::AcqRel) == 1 && self.0.is_cancelled() {
            self.0.task.wake();
        }
    }
}

/// Keeps a handler from being dropped while a thread is at work for it. What the thread awaits does end with
/// a cancel.
pub(crate) struct OnThread(Arc<ServedCall>);

impl OnThread {
    pub(crate) fn begin(call: &Arc<ServedCall>) -> Self {
        call.on_thread.store(true, Ordering::Release);
        Self(call.clone())
    }
}

impl Drop for OnThread {
    fn drop(&mut self) {
        self.0.on_thread.store(false, Ordering::Release);
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<ServedCall>>> = const { RefCell::new(None) };
}

/// Runs `poll` as part of a handler: calls that it awaits free the handler's slot.
pub(crate) fn within<R>(call: &Arc<ServedCall>, poll: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<ServedCall>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(Some(call.clone())));
    poll()
}

/// Held while a handler waits for a peer, be it for a call's reply or for room in the queue: the handler's
/// slot is free meanwhile, so that handlers which call each other's peers can never fill all slots and wait
/// for ever, and a peer that does not read takes no slot from others.
pub(crate) struct Wait(Arc<ServedCall>);

impl Wait {
    /// `None` outside of a handler.
    pub(crate) fn begin() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone).map(Self::of)
    }

    /// A wait of this call's handler.
    pub(crate) fn of(call: Arc<ServedCall>) -> Self {
        let waits = call.waits.fetch_add(1, Ordering::AcqRel);
        if waits == 0 {
            call.shared.gauges().begin_waiting();
            // A parked call may have this slot now.
            call.shared.notify_driver();
            call.shared.server_limits().free_slot();
        }
        Self(call)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        // The handler runs on; it may briefly be one more than the limit, which `max_open` bounds.
        if self.0.waits.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.shared.gauges().end_waiting();
            self.0.shared.server_limits().retake_slot();
        }
    }
}
