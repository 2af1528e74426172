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
                remote_addr = shared.info().remote_addr_field(),
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
            while !shared.as_life().is_ending() {
                let watch = shared.driver_waker().watch();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::handshake::ConnectionInfo;
    use crate::shared_state::SharedLimits;

    fn shared() -> Arc<SharedState> {
        let mut config = Config::default();
        (config.limits.max_in_flight, config.limits.max_parked_bytes) = (2, 10);
        Arc::new(SharedState::new(Arc::new(config), ConnectionInfo::default(), SharedLimits::default()))
    }

    #[test]
    fn while_the_hook_is_busy_messages_wait_within_limits() {
        let (others, shared) = (Others::new(Arc::new(|_, _| {})), shared());
        for round in 0..2 {
            assert!(others.begin(&shared, "runs at once"), "round {round}");
            for (text, waits) in [("aaaa", 1), ("bbbbbbb", 1), ("cccccc", 2), ("", 2)] {
                assert!(!others.begin(&shared, text));
                assert_eq!(others.queue().waiting.len(), waits, "{text}");
            }
            assert_eq!(others.next().as_deref(), Some("aaaa"));
            assert!(!others.begin(&shared, "eeeee"), "it has a byte too many");
            assert!(!others.begin(&shared, "dddd"), "there is room again");
            let rest: Vec<_> = std::iter::from_fn(|| others.next()).collect();
            assert_eq!(rest.iter().map(|text| &**text).collect::<Vec<_>>(), ["cccccc", "dddd"]);
        }
    }

    #[tokio::test]
    async fn what_waited_is_told_in_order_and_then_the_hook_is_free() {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let hear = move |_: &Peer, text: &str| tell.send(text.to_owned()).expect("the test listens");
        let (others, shared) = (Arc::new(Others::new(Arc::new(hear))), shared());
        assert!(others.begin(&shared, "it blocks"));
        assert!(!others.begin(&shared, "one") && !others.begin(&shared, "two"));
        others.clone().tell_rest(shared.clone(), None);
        for expected in ["one", "two"] {
            let heard = tokio::time::timeout(std::time::Duration::from_secs(10), told.recv()).await;
            assert_eq!(heard.expect("it is told").as_deref(), Some(expected));
        }
        while others.queue().busy {
            tokio::task::yield_now().await;
        }
        assert!(others.begin(&shared, "it runs at once"));
    }
}
