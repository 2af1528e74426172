//! Passes messages that are not JSON-RPC to the application's hook, one at a time and in order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::dispatch::{self, OtherMessages, Tenancy};
use crate::peer::Peer;
use crate::shared_state::{Oddity, SharedState};

pub(super) struct Others {
    hear: Arc<OtherMessages>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// Whether the hook runs or is about to run.
    busy: bool,
    /// The messages that have arrived while the hook blocks.
    waiting: VecDeque<Box<str>>,
    bytes: usize,
}

impl Others {
    pub(super) fn new(hear: Arc<OtherMessages>) -> Self {
        Self { hear, queue: Mutex::default() }
    }

    /// Whether the caller is to run the hook. If the hook is busy, the message waits for it, or is dropped if
    /// too many wait.
    pub(super) fn begin(&self, shared: &SharedState, text: &str) -> bool {
        let mut queue = self.queue();
        if !queue.busy {
            queue.busy = true;
            return true;
        }
        let limits = &shared.config().limits;
        if queue.waiting.len() < limits.max_in_flight && queue.bytes + text.len() <= limits.max_parked_bytes {
            queue.bytes += text.len();
            queue.waiting.push_back(text.into());
            return false;
        }
        drop(queue);
        if shared.log_once().first(Oddity::OtherMessage) {
            tracing::warn!(
                connection = shared.id(),
                remote_addr = shared.remote_addr(),
                "the hook on_other_message blocks; messages are dropped; the next are logged at debug level"
            );
        } else {
            tracing::debug!(connection = shared.id(), "a message for the hook on_other_message was dropped");
        }
        false
    }

    /// Runs the hook for a message.
    pub(super) fn tell(&self, shared: &Arc<SharedState>, text: &str) {
        dispatch::tell_other(&*self.hear, &Peer::new(shared.clone()), text);
    }

    /// Frees the hook, after a run during which the connection has read nothing.
    pub(super) fn end(&self) {
        self.queue().busy = false;
    }

    /// Passes on the messages that have arrived while the hook was blocking, in a task that ends with the
    /// connection. The task holds `tenancy`.
    pub(super) fn tell_rest(self: Arc<Self>, shared: Arc<SharedState>, tenancy: Option<Tenancy>) {
        let Some(mut text) = self.next() else { return };
        tokio::spawn(async move {
            let _tenancy = tenancy;
            while !shared.is_ending() {
                let watch = shared.watch();
                self.tell(&shared, &text);
                drop(watch);
                tokio::task::yield_now().await;
                match self.next() {
                    Some(next) => text = next,
                    None => return,
                }
            }
        });
    }

    /// Returns the next message. If there is none, the hook is free.
    fn next(&self) -> Option<Box<str>> {
        let mut queue = self.queue();
        let next = queue.waiting.pop_front();
        match &next {
            Some(text) => queue.bytes -= text.len(),
            None => *queue = Queue::default(),
        }
        next
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No code that can panic runs under the lock, so a poisoned lock still protects a consistent state.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
