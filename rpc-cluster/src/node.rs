//! A server among others: the application's handle.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, SystemTime};

use birpc_core::__private::crates::cluster::LocalPeers;
use birpc_core::Groups;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::backplane::{Backplane, BackplaneError};
use crate::driver::{Driver, Parts};
use crate::engine::Engine;
use crate::envelope::Key;
use crate::inbox::{Control, Inbox};
use crate::links::Links;
use crate::node_id::NodeId;
use crate::nodes::NodeInfo;
use crate::outcomes;
use crate::roster::Roster;
use crate::state::{Setup, State};
use crate::traces::Traces;

/// The maximum length of a node's name, in bytes.
const MAX_NAME: usize = 256;

/// The shortest key, in bytes.
const MIN_KEY: usize = 16;

/// This server among the others that an engine connects. While it exists, the groups of this server are those
/// of all servers: see the [module](crate).
///
/// Dropping it ends the connection to the other servers at once; they notice after 10 s. [`Node::shutdown`]
/// tells them.
#[must_use = "dropping a node disconnects its server from the others"]
pub struct Node {
    id: NodeId,
    inbox: Arc<Inbox>,
    roster: Arc<Roster>,
    task: JoinHandle<()>,
}

/// Settings of a [`Node`]. See [`Node::builder`].
#[must_use = "a builder does nothing until it is started"]
pub struct NodeBuilder {
    backplane: Arc<dyn Backplane>,
    name: Option<String>,
    key: Option<Vec<u8>>,
    traces: Traces,
}

/// Why a [`Node`] does not start.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The groups are connected to other servers already, by another node.
    #[error("these groups are connected to other servers already")]
    AlreadyConnected,
    /// The name is empty or has more than 256 bytes.
    #[error("the name of a node must have 1 to 256 bytes; this one has {bytes}")]
    Name {
        /// The length of the name.
        bytes: usize,
    },
    /// The key is too short to protect anything.
    #[error("a key must have 16 bytes or more, better 32; this one has {bytes}")]
    Key {
        /// The length of the key.
        bytes: usize,
    },
    /// The engine does not take the subscriptions that a node needs.
    #[error("the engine does not take the node's subscriptions: {0}")]
    Engine(#[from] BackplaneError),
}

impl Node {
    /// Begins to connect a server to others over an engine.
    ///
    /// ```
    /// use birpc_cluster::{MemoryEngine, Node};
    /// # use birpc_core::Groups;
    ///
    /// # async fn example(groups: Groups) -> Result<(), Box<dyn std::error::Error>> {
    /// let engine = MemoryEngine::default();
    /// // With a server: `.start(&server.groups())`.
    /// let node = Node::builder(engine.server()).name("a").start(&groups).await?;
    /// println!("{} of {} nodes", node.id(), node.nodes().len());
    /// # Ok(()) }
    /// ```
    pub fn builder(backplane: impl Backplane) -> NodeBuilder {
        NodeBuilder { backplane: Arc::new(backplane), name: None, key: None, traces: Traces::default() }
    }

    /// The id of this server, which is new each time the process starts.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The servers that are alive and are not shutting down; this one is the first. What is said of the
    /// others is up to 2 s old. One that dies is missing after 10 s, and one that shuts down at once.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeInfo> {
        self.roster.get()
    }

    /// Begins to leave the other servers, before this one shuts down: they do not list it any more, nor the
    /// presence of its peers, and do not call these. What is under way goes on, and notifications still reach
    /// its peers.
    pub fn leave(&self) {
        self.inbox.control(Control::Leave);
    }

    /// Leaves the other servers as [`Node::leave`] does, waits until no call of this server or for its peers
    /// is under way, at most for `timeout`, and tells the others that it ends. Calls that are under way then
    /// end as `Disconnected` with `sent: true`. Afterwards the groups are those of this server alone.
    ///
    /// # Cancel safety
    /// If the future is dropped, the shutdown goes on.
    pub async fn shutdown(&self, timeout: Duration) {
        let (done, over) = oneshot::channel();
        let now = Instant::now();
        let until = now.checked_add(timeout).unwrap_or(now + Duration::from_secs(86_400));
        if self.inbox.control(Control::ShutDown(until, done)) {
            // An error means that the task has ended, which is what is waited for.
            let _ = over.await;
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The task may run for a moment longer, but nothing more is taken.
        self.task.abort();
        self.inbox.close();
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("id", &self.id).finish_non_exhaustive()
    }
}

impl NodeBuilder {
    /// Sets the name of this server, for [`Node::nodes`] of the others: 1 to 256 bytes. It need not be
    /// unique. Default: the id.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the key that all servers share, at least 16 bytes, with which they sign all messages
    /// (HMAC-SHA-256). Messages that are not signed with it are dropped and counted.
    ///
    /// Whoever may publish to the engine can call any peer, so the engine must let only the servers do so.
    /// The key protects from others who can, and from a second cluster with the same names. It does not
    /// encrypt, and it does not keep those who can subscribe and publish from repeating what they have
    /// recorded. All servers need the same key, so it cannot be changed at one after the other.
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets where calls to peers of other servers get their trace context from: the `traceparent` of the
    /// current span (W3C Trace Context). It travels with the call. The peer's server makes the call in a span
    /// `birpc.cluster.call` that has it as the field `traceparent` (feature `tracing`).
    pub fn traceparent(mut self, current: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.traces = Traces::new(current);
        self
    }

    /// Connects the groups of a server to those of the others, until the [`Node`] is dropped. Returns when
    /// the servers that are alive know of this one, which takes up to a second.
    ///
    /// # Errors
    /// [`StartError`]; the groups are those of this server alone then.
    ///
    /// # Cancel safety
    /// If the future is dropped, the groups are those of this server alone.
    ///
    /// # Panics
    /// Panics outside a tokio runtime.
    pub async fn start(self, groups: &Groups) -> Result<Node, StartError> {
        let Self { backplane, name, key, traces } = self;
        if let Some(bytes) = name.as_ref().map(String::len).filter(|bytes| !(1..=MAX_NAME).contains(bytes)) {
            return Err(StartError::Name { bytes });
        }
        if let Some(bytes) = key.as_ref().map(Vec::len).filter(|bytes| *bytes < MIN_KEY) {
            return Err(StartError::Key { bytes });
        }
        let first = microseconds();
        let inbox = Arc::new(Inbox::new(first));
        let max_message = Arc::new(AtomicUsize::new(backplane.max_message()));
        let peers = attach(groups, &inbox, &max_message, traces)?;
        let id = NodeId(peers.node());
        let name = name.unwrap_or_else(|| id.to_string());
        let (started, start) = oneshot::channel();
        let roster = Arc::new(Roster::default());
        let own = NodeInfo::new(id, name.clone());
        roster.set(&own, Vec::new());
        let setup = Setup {
            own: id,
            first,
            name,
            key: key.as_deref().map(Key::new),
            max_message: backplane.max_message(),
            refusal: outcomes::refusal(),
            too_large: outcomes::too_large,
        };
        let driver = Driver::new(Parts {
            state: State::new(setup, Duration::ZERO),
            engine: Engine::new(backplane),
            peers,
            inbox: inbox.clone(),
            roster: roster.clone(),
            max_message,
            own,
            epoch: Instant::now(),
            started,
        });
        let node = Node { id, inbox, roster, task: tokio::spawn(driver) };
        match start.await {
            Ok(result) => result.map(|()| node).map_err(StartError::Engine),
            // The task has ended, because its runtime does.
            Err(_) => Err(StartError::Engine(BackplaneError::Unreachable)),
        }
    }
}

/// The time since 1970, in microseconds. It grows faster than the numbers of a node, so what a node numbers
/// from it on is later than all that a former node of the same groups has numbered.
fn microseconds() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX / 2)
}

fn attach(
    groups: &Groups,
    inbox: &Arc<Inbox>,
    max_message: &Arc<AtomicUsize>,
    traces: Traces,
) -> Result<LocalPeers, StartError> {
    let mut attached = None;
    let links = |peers: LocalPeers| {
        let own = NodeId(peers.node());
        attached = Some(peers);
        let links = Links::new(own, inbox.clone(), max_message.clone(), traces);
        Arc::new(links) as Arc<dyn birpc_core::__private::crates::cluster::OtherServers>
    };
    LocalPeers::attach(groups, links).map_err(|_| StartError::AlreadyConnected)?;
    attached.ok_or(StartError::AlreadyConnected)
}

impl fmt::Debug for NodeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
