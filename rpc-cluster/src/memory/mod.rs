//! An engine in memory, which loses, doubles, delays and reorders messages as a test wants. A seed decides
//! about each message, so a run can be repeated.

mod faults;
mod network;
#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::BoxStream;

use crate::backplane::{Backplane, BackplaneError, BackplaneEvent};
use crate::topic::Topic;
use network::{Server, State};

pub use faults::Faults;

/// An engine in memory, for servers in one process: for the tests of applications that run many servers. A
/// clone is the same engine.
///
/// It can do what real engines do to an application: lose, double, delay and reorder messages
/// ([`MemoryEngine::set_faults`]), be away for a while ([`MemoryEngine::cut`]), or leave a server behind
/// ([`MemoryEngine::stall`]). A seed decides about each message, so that a run can be repeated. With a
/// `tokio` clock that is paused, the timeouts of the other servers cost no time.
///
/// ```
/// use birpc_cluster::{MemoryEngine, Node};
/// # use birpc_core::Groups;
///
/// # async fn example(one: Groups, other: Groups) -> Result<(), Box<dyn std::error::Error>> {
/// let engine = MemoryEngine::new(7);
/// let backplane = engine.server();
/// let one = Node::builder(backplane.clone()).name("one").start(&one).await?;
/// let other = Node::builder(engine.server()).name("other").start(&other).await?;
/// assert_eq!(one.nodes().len(), 2);
/// engine.cut(&backplane); // now `one` is alone
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryEngine {
    state: Arc<Mutex<State>>,
}

impl MemoryEngine {
    /// Creates an engine whose faults the seed decides about.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: Arc::new(Mutex::new(State { random: seed, ..State::default() })) }
    }

    /// Adds a server.
    #[must_use]
    pub fn server(&self) -> MemoryBackplane {
        let mut state = self.lock();
        state.servers.push(Server::default());
        MemoryBackplane { engine: self.clone(), index: state.servers.len() - 1 }
    }

    /// Sets what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Cuts a server off, with its subscriptions and what is under way to it.
    pub fn cut(&self, server: &MemoryBackplane) {
        let mut state = self.lock();
        let server = &mut state.servers[server.index];
        *server = Server { is_lost: true, waker: server.waker.take(), ..Server::default() };
        let waker = server.push(BackplaneEvent::Lost);
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Ends the cut of a server.
    pub fn restore(&self, server: &MemoryBackplane) {
        let mut state = self.lock();
        let server = &mut state.servers[server.index];
        server.is_lost = false;
        let waker = server.push(BackplaneEvent::Restored);
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Stops a server, as a process is stopped: what it publishes is lost, and what is for it waits until it
    /// goes on. The server is not told.
    pub fn stall(&self, server: &MemoryBackplane, is_stalled: bool) {
        let mut state = self.lock();
        let server = &mut state.servers[server.index];
        server.is_stalled = is_stalled;
        let waker = server.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Drops what waits for a server, and tells it so.
    pub fn overrun(&self, server: &MemoryBackplane) {
        let mut state = self.lock();
        let server = &mut state.servers[server.index];
        server.queue.clear();
        let waker = server.push(BackplaneEvent::Overrun);
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether further subscriptions are refused.
    pub fn refuse_subscriptions(&self, refuses: bool) {
        self.lock().refuses = refuses;
    }

    /// The number of messages that were published.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.lock().published
    }

    /// The number of messages that were passed to servers. One that is published to three servers counts
    /// three times.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.lock().delivered
    }

    /// The number of subscriptions of all servers.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.lock().servers.iter().map(|server| server.subscriptions.len()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection of one server to a [`MemoryEngine`].
#[derive(Clone)]
pub struct MemoryBackplane {
    engine: MemoryEngine,
    index: usize,
}

impl fmt::Debug for MemoryBackplane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBackplane").field("index", &self.index).finish_non_exhaustive()
    }
}

#[async_trait]
impl Backplane for MemoryBackplane {
    fn max_message(&self) -> usize {
        1 << 20
    }

    async fn publish(&self, topic: &Topic, message: Bytes, tag: Option<u64>) -> Result<(), BackplaneError> {
        let mut state = self.engine.lock();
        if state.servers[self.index].is_lost {
            return Err(BackplaneError::Unreachable);
        }
        if message.len() > self.max_message() {
            return Err(BackplaneError::Refused("the message is too large".into()));
        }
        let is_known = state.servers.iter().any(|server| server.subscriptions.contains(topic));
        state.published += 1;
        if state.servers[self.index].is_stalled {
            return Ok(());
        }
        let mut wakers = Vec::new();
        for index in 0..state.servers.len() {
            wakers.extend(state.pass(index, self.index, topic, &message));
        }
        if let Some(tag) = tag.filter(|_| !is_known) {
            wakers.extend(state.servers[self.index].push(BackplaneEvent::Nobody { tag }));
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        Ok(())
    }

    async fn subscribe(&self, topic: &Topic) -> Result<(), BackplaneError> {
        let mut state = self.engine.lock();
        let per_cent = state.faults.late_subscriptions;
        let is_late = state.happens(per_cent);
        let refuses = state.refuses;
        let others = (0..state.servers.len()).filter(|other| *other != self.index).collect();
        let server = &mut state.servers[self.index];
        if server.is_lost {
            return Err(BackplaneError::Unreachable);
        }
        if refuses {
            return Err(BackplaneError::Refused("subscriptions are refused".into()));
        }
        if server.subscriptions.insert(topic.clone()) && is_late {
            server.late.insert(topic.clone(), others);
        }
        Ok(())
    }

    async fn unsubscribe(&self, topic: &Topic) {
        let mut state = self.engine.lock();
        let server = &mut state.servers[self.index];
        server.subscriptions.remove(topic);
        server.late.remove(topic);
    }

    fn incoming(&self) -> BoxStream<'static, BackplaneEvent> {
        Box::pin(Incoming(self.clone()))
    }
}

struct Incoming(MemoryBackplane);

impl Stream for Incoming {
    type Item = BackplaneEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<BackplaneEvent>> {
        let waker = cx.waker().clone();
        let mut state = self.0.engine.lock();
        let server = &mut state.servers[self.0.index];
        let event = if server.is_stalled { None } else { server.queue.pop_front() };
        match event {
            Some(event) => Poll::Ready(Some(event)),
            None => {
                let before = server.waker.replace(waker);
                drop(state);
                drop(before);
                Poll::Pending
            }
        }
    }
}
