//! An engine in memory, which loses, doubles, delays and reorders messages as a test wants. A seed decides
//! about each message, so a run can be repeated.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
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

/// What goes wrong, each in per cent of the messages to a server. Default: nothing.
///
/// ```
/// use birpc_cluster::{Faults, MemoryEngine};
///
/// MemoryEngine::new(7).set_faults(Faults::default().lost(5).delayed(10));
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "faults happen when an engine has them"]
pub struct Faults {
    lost: u8,
    doubled: u8,
    delayed: u8,
    late_subscriptions: u8,
}

impl Faults {
    /// Messages that are lost.
    pub const fn lost(mut self, per_cent: u8) -> Self {
        self.lost = per_cent;
        self
    }

    /// Messages that are delivered twice.
    pub const fn doubled(mut self, per_cent: u8) -> Self {
        self.doubled = per_cent;
        self
    }

    /// Messages that are delivered only after later ones.
    pub const fn delayed(mut self, per_cent: u8) -> Self {
        self.delayed = per_cent;
        self
    }

    /// Subscriptions that each other server knows of only when it hears something of the subscriber, as in an
    /// engine of several machines.
    pub const fn late_subscriptions(mut self, per_cent: u8) -> Self {
        self.late_subscriptions = per_cent;
        self
    }
}

#[derive(Debug, Default)]
struct State {
    servers: Vec<Server>,
    faults: Faults,
    random: u64,
    refuses: bool,
    published: u64,
    delivered: u64,
}

#[derive(Debug, Default)]
struct Server {
    subscriptions: BTreeSet<Topic>,
    /// Subscriptions that some other servers do not know yet.
    late: BTreeMap<Topic, BTreeSet<usize>>,
    queue: VecDeque<BackplaneEvent>,
    delayed: Vec<BackplaneEvent>,
    waker: Option<Waker>,
    is_lost: bool,
    is_stalled: bool,
}

/// Maximum number of events that wait for a server.
const MAX_WAITING: usize = 4096;

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

    /// The number of messages that were passed to servers. One that is published to three servers counts three
    /// times.
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

impl State {
    /// Whether something happens that happens in so many per cent of the cases.
    fn happens(&mut self, per_cent: u8) -> bool {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % 100 < u64::from(per_cent)
    }

    /// Passes a message to one server. Returns the waker to wake.
    fn pass(&mut self, index: usize, from: usize, topic: &Topic, bytes: &Bytes) -> Option<Waker> {
        let faults = self.faults;
        let (lost, doubled) = (self.happens(faults.lost), self.happens(faults.doubled));
        let delayed = self.happens(faults.delayed);
        let server = &mut self.servers[index];
        if server.late.get(topic).is_some_and(|unaware| unaware.contains(&from)) {
            return None;
        }
        if !server.subscriptions.contains(topic) || lost {
            return None;
        }
        self.delivered += 1;
        let event = BackplaneEvent::Message { topic: topic.clone(), bytes: bytes.clone() };
        if delayed {
            server.delayed.push(event);
            return None;
        }
        let mut waker = server.push(event.clone());
        // What a server has subscribed to is known to those who hear it afterwards.
        self.servers[from].late.retain(|_, unaware| {
            unaware.remove(&index);
            !unaware.is_empty()
        });
        let server = &mut self.servers[index];
        if doubled {
            waker = server.push(event).or(waker);
        }
        for late in std::mem::take(&mut server.delayed) {
            waker = server.push(late).or(waker);
        }
        waker
    }
}

impl Server {
    fn push(&mut self, event: BackplaneEvent) -> Option<Waker> {
        if self.queue.len() >= MAX_WAITING {
            if self.queue.back() != Some(&BackplaneEvent::Overrun) {
                self.queue.push_back(BackplaneEvent::Overrun);
            }
            return None;
        }
        self.queue.push_back(event);
        self.waker.take()
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

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    const TOPIC: Topic = Topic::All;

    /// What is there now.
    fn ready(incoming: &mut BoxStream<'static, BackplaneEvent>) -> Vec<BackplaneEvent> {
        std::iter::from_fn(|| incoming.next().now_or_never().flatten()).collect()
    }

    fn message(text: &'static str) -> BackplaneEvent {
        BackplaneEvent::Message { topic: TOPIC, bytes: Bytes::from_static(text.as_bytes()) }
    }

    #[tokio::test]
    async fn messages_go_to_those_who_have_subscribed() {
        let engine = MemoryEngine::new(1);
        let (one, two): (Box<dyn Backplane>, _) = (Box::new(engine.server()), engine.server());
        let (mut of_one, mut of_two) = (one.incoming(), two.incoming());
        one.publish(&TOPIC, Bytes::from_static(b"nobody"), Some(7)).await.expect("it can be reached");
        assert_eq!(ready(&mut of_one), [BackplaneEvent::Nobody { tag: 7 }]);
        two.subscribe(&TOPIC).await.expect("it can be reached");
        one.publish(&TOPIC, Bytes::from_static(b"a"), Some(8)).await.expect("it can be reached");
        assert_eq!((ready(&mut of_one), ready(&mut of_two)), (vec![], vec![message("a")]));
        engine.cut(&two);
        assert_eq!(two.publish(&TOPIC, Bytes::new(), None).await, Err(BackplaneError::Unreachable));
        one.publish(&TOPIC, Bytes::from_static(b"lost"), None).await.expect("it can be reached");
        engine.restore(&two);
        assert_eq!(ready(&mut of_two), [BackplaneEvent::Lost, BackplaneEvent::Restored]);
        one.publish(&TOPIC, Bytes::from_static(b"no subscription"), None).await.expect("it can be reached");
        assert_eq!(ready(&mut of_two), []);
    }

    #[tokio::test]
    async fn messages_that_are_not_read_are_dropped_and_that_is_told() {
        let engine = MemoryEngine::new(1);
        let server = engine.server();
        server.subscribe(&TOPIC).await.expect("it can be reached");
        for _ in 0..MAX_WAITING + 10 {
            server.publish(&TOPIC, Bytes::new(), None).await.expect("it can be reached");
        }
        let events = ready(&mut server.incoming());
        assert_eq!((events.len(), events.last()), (MAX_WAITING + 1, Some(&BackplaneEvent::Overrun)));
    }

    #[tokio::test]
    async fn faults_happen_as_often_as_they_should() {
        let engine = MemoryEngine::new(1);
        let server = engine.server();
        server.subscribe(&TOPIC).await.expect("it can be reached");
        let mut incoming = server.incoming();
        for (faults, expected) in [
            (Faults::default().lost(50), 400..600),
            (Faults::default().doubled(50), 1400..1600),
            (Faults::default().delayed(50), 990..1001),
        ] {
            engine.set_faults(faults);
            for _ in 0..1000 {
                server.publish(&TOPIC, Bytes::new(), None).await.expect("it can be reached");
            }
            let count = ready(&mut incoming).len();
            assert!(expected.contains(&count), "{count} of 1000 with {faults:?}");
        }
    }
}
