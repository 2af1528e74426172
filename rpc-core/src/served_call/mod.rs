//! An incoming call while it is served: its id and batch, whether it was cancelled, and whether its handler
//! holds a slot.

mod wait;

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use crate::inspect::{Since, WatchedCall};
use crate::message::{ErrorCode, ErrorObject, Id};
use crate::multiplexer::{Failed, IncomingCall, StreamKey};
use crate::served_extras::{ServedExtras, ServedProgress};
use crate::served_streams::ServedStreams;
use crate::shared_state::SharedState;

pub(crate) use wait::{Wait, within};

pub(crate) struct ServedCall {
    pub(crate) shared: Arc<SharedState>,
    pub(crate) method: Arc<str>,
    /// `None` for a notification.
    pub(crate) id: Option<Id>,
    /// The batch that the call arrived in.
    pub(crate) batch: Option<usize>,
    /// Whether the method is ordered.
    ordered: bool,
    /// The bytes of credit that it holds, of a notification under `birpc.v1`.
    credit: AtomicUsize,
    /// What the handler waits for at the moment: a count of its [`Wait`]s, and [`FINISHED`] once it has
    /// ended.
    waits: AtomicU32,
    cancelled: AtomicBool,
    /// The number of shielded sections of the handler that are in progress.
    shields: AtomicU32,
    /// For a handler behind layers: whether it has begun.
    begun: AtomicBool,
    /// Whether a blocking thread runs the handler. Nothing can stop that.
    on_thread: AtomicBool,
    /// The ids of the calls in progress that were made through the call's context.
    nested: Mutex<BTreeSet<u64>>,
    /// The waker of the task that polls the handler.
    pub(crate) task: AtomicWaker,
    on_cancelled: Notify,
    extras: Option<Box<ServedExtras>>,
    /// When it was entered into the table of open calls.
    since: Since,
    watched: WatchedCall,
}

const FINISHED: u32 = 1 << 31;

impl ServedCall {
    /// `credit`: the bytes of credit that it holds.
    #[inline] // so that it is made where it is kept
    pub(crate) fn new(
        shared: Arc<SharedState>,
        method: Arc<str>,
        id: Option<Id>,
        batch: Option<usize>,
        ordered: bool,
        credit: usize,
    ) -> Self {
        let watched = WatchedCall::served(shared.inspected(), shared.id(), &method);
        Self {
            shared,
            method,
            id,
            batch,
            ordered,
            credit: AtomicUsize::new(credit),
            waits: AtomicU32::new(0),
            cancelled: AtomicBool::new(false),
            shields: AtomicU32::new(0),
            begun: AtomicBool::new(false),
            on_thread: AtomicBool::new(false),
            nested: Mutex::default(),
            task: AtomicWaker::new(),
            on_cancelled: Notify::new(),
            extras: None,
            since: Since::default(),
            watched,
        }
    }

    /// Gives back the credit that it holds: once, when it ends or first waits.
    #[inline]
    fn give_back_credit(&self) {
        if self.credit.load(Ordering::Relaxed) == 0 {
            return;
        }
        match self.credit.swap(0, Ordering::AcqRel) {
            0 => {}
            bytes => self.shared.as_credit().give_back(bytes),
        }
    }

    /// Sets the streams and the progress of the call.
    pub(crate) fn set_extras(&mut self, extras: Box<ServedExtras>) {
        self.extras = Some(extras);
    }

    /// The call, as those who inspect the server watch it.
    #[inline]
    pub(crate) fn watched(&self) -> &WatchedCall {
        &self.watched
    }

    /// When it was entered into the table of open calls.
    pub(crate) fn since(&self) -> &Since {
        &self.since
    }

    /// The streams of the call, if it has any.
    #[inline]
    pub(crate) fn streams(&self) -> Option<&ServedStreams> {
        self.extras.as_ref()?.streams()
    }

    /// How the call's progress is reported; `None` if its caller does not listen.
    pub(crate) fn progress(&self) -> Option<&ServedProgress> {
        self.extras.as_ref()?.progress()
    }

    /// Whether reports of progress have no effect any more: the handler has ended or was cancelled, or has
    /// returned the stream that is the result.
    pub(crate) fn is_over(&self) -> bool {
        self.has_ended() || self.is_cancelled() || self.streams().is_some_and(ServedStreams::is_producing)
    }

    /// Drops the arguments that no parameter has taken, since nobody reads them. The handler begins now.
    #[inline]
    pub(crate) fn drop_unclaimed(&self) {
        if let Some(streams) = self.streams() {
            streams.drop_unclaimed(&self.shared);
        }
    }

    /// Fails the call: its handler is dropped as by a cancel, and its caller gets the error.
    pub(crate) fn fail(&self, failed: Failed) {
        if let Some(streams) = self.streams() {
            streams.set_failed(failed);
        }
        self.cancel();
    }

    /// The batch of a notification, whose entry gets no reply.
    pub(crate) fn notified_batch(&self) -> Option<usize> {
        self.batch.filter(|_| self.id.is_none())
    }

    /// Cancels the call: its handler is dropped at its next await, or after the section that it shields, and
    /// the calls that were made through its context are cancelled.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.on_cancelled.notify_waiters();
        self.task.wake();
        if self.must_stop() {
            self.cancel_nested();
        }
    }

    /// Cancels the calls that were made through this call's context.
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

    /// Whether everything that the handler has started must stop.
    pub(crate) fn must_stop(&self) -> bool {
        self.is_cancelled() && self.shields.load(Ordering::Acquire) == 0
    }

    /// Whether the handler must be dropped now.
    pub(crate) fn must_drop(&self) -> bool {
        self.must_stop() && !self.is_on_thread()
    }

    /// Notes that a handler behind layers begins.
    pub(crate) fn note_begun(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// Whether a handler that is behind layers has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Waits until the call is cancelled.
    pub(crate) async fn cancelled(&self) {
        let mut notified = pin!(self.on_cancelled.notified());
        // The flag is checked at each poll, so that a task that finds it set does not wait for the
        // notification.
        poll_fn(|cx| if self.is_cancelled() { Poll::Ready(()) } else { notified.as_mut().poll(cx) }).await;
    }

    /// Whether the handler awaits a call of its own, or room in the queue of its peer.
    pub(crate) fn awaits_peer(&self) -> bool {
        self.waits.load(Ordering::Acquire) & !FINISHED != 0
    }

    /// Whether a blocking thread runs the handler.
    pub(crate) fn is_on_thread(&self) -> bool {
        self.on_thread.load(Ordering::Acquire)
    }

    /// The error reply for a handler that was dropped; `None` if the call gets no reply.
    pub(crate) fn cancelled_reply(&self) -> Option<ErrorObject> {
        if let Some(failed) = self.streams().and_then(ServedStreams::failed) {
            return Some(failed.error());
        }
        self.shared.dialect().answers_cancelled().then(|| ErrorObject::framework(ErrorCode::Cancelled))
    }

    /// Whether the handler has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.waits.load(Ordering::Acquire) & FINISHED != 0
    }

    /// Releases what the handler still holds. From now on its remaining waits have no effect.
    pub(crate) fn finish(&self) {
        self.give_back_credit();
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

    #[inline]
    fn subscription(&self, reply: &[u8]) -> Option<StreamKey> {
        self.streams()?.subscription()?.begun_by(reply)
    }
}

/// Held by a call that was made through another call's context, which ends when that call is cancelled.
pub(crate) struct Nested {
    cause: Arc<ServedCall>,
    id: u64,
}

impl Nested {
    /// Registers a call that was opened while `cause` ran.
    pub(crate) fn begin(cause: &Arc<ServedCall>, id: u64) -> Self {
        cause.nested().insert(id);
        // The cause may have been cancelled in the meantime.
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

/// While this exists, a cancel does not drop the handler.
pub(crate) struct Shielded(Arc<ServedCall>);

impl Shielded {
    pub(crate) fn begin(call: &Arc<ServedCall>) -> Self {
        call.shields.fetch_add(1, Ordering::AcqRel);
        Self(call.clone())
    }
}

impl Drop for Shielded {
    fn drop(&mut self) {
        // A cancel that arrived during the section takes effect now: the section may have ended on another
        // task.
        if self.0.shields.fetch_sub(1, Ordering::AcqRel) == 1 && self.0.is_cancelled() {
            self.0.task.wake();
        }
    }
}

/// While a blocking thread runs the handler, a cancel does not drop it. It does end the calls that the thread
/// awaits.
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
