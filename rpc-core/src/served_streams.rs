//! The streams of one call of the peer while it is served.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::multiplexer::{CallStreams, Failed, StreamKey};
use crate::shared_state::SharedState;

pub(crate) struct ServedStreams {
    result: Option<StreamKey>,
    /// Arguments that no parameter has taken, by their numbers in params.
    unclaimed: Mutex<Vec<(u16, StreamKey)>>,
    /// Why the call fails, if its caller did what it must not.
    failed: OnceLock<Failed>,
    /// Whether its handler has returned the stream that is its result.
    producing: AtomicBool,
}

impl ServedStreams {
    /// Those of a call that was entered, the arguments by these numbers.
    pub(crate) fn new(streams: CallStreams, numbers: Vec<u16>) -> Self {
        let unclaimed = Mutex::new(numbers.into_iter().zip(streams.arguments).collect());
        Self { result: streams.result, unclaimed, failed: OnceLock::new(), producing: AtomicBool::new(false) }
    }

    /// The stream that is its result.
    pub(crate) fn result(&self) -> Option<StreamKey> {
        self.result
    }

    /// Takes the argument with this number, once.
    pub(crate) fn claim(&self, number: u16) -> Option<StreamKey> {
        let mut unclaimed = self.unclaimed();
        let index = unclaimed.iter().position(|(other, _)| *other == number)?;
        Some(unclaimed.swap_remove(index).1)
    }

    /// Nobody reads what no parameter has taken.
    pub(crate) fn drop_unclaimed(&self, shared: &SharedState) {
        let unclaimed = std::mem::take(&mut *self.unclaimed());
        unclaimed.into_iter().for_each(|(_, key)| shared.as_consumer().drop_consumer(key, None, ""));
    }

    /// The handler has returned the stream that is its result.
    pub(crate) fn begin_producing(&self) {
        self.producing.store(true, Ordering::Release);
    }

    /// Whether the handler has returned the stream that is its result.
    pub(crate) fn is_producing(&self) -> bool {
        self.producing.load(Ordering::Acquire)
    }

    pub(crate) fn set_failed(&self, failed: Failed) {
        let _ = self.failed.set(failed);
    }

    /// Why the call fails, if its caller did what it must not.
    pub(crate) fn failed(&self) -> Option<Failed> {
        self.failed.get().copied()
    }

    fn unclaimed(&self) -> MutexGuard<'_, Vec<(u16, StreamKey)>> {
        self.unclaimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
