//! Servers in one process, with clients that hear what is sent to them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use birpc_client::{Client, ClientBuilder};
use birpc_cluster::{MemoryBackplane, MemoryEngine, Node, NodeBuilder};
use birpc_core::{Context, ErrorObject, Groups, Peer, Remote, Router};
use birpc_server::{Acceptor, Grant, Refusal, Server};
use tokio::sync::mpsc;

/// Servers that an engine connects.
pub(crate) struct Servers {
    pub(crate) engine: MemoryEngine,
    pub(crate) all: Vec<TestServer>,
}

/// A server, with the peers that have connected.
pub(crate) struct TestServer {
    pub(crate) acceptor: Acceptor,
    pub(crate) groups: Groups,
    pub(crate) backplane: MemoryBackplane,
    /// `None` once it has ended.
    pub(crate) node: Option<Node>,
    /// The groups of which a gap was told.
    gaps: Arc<Mutex<Vec<String>>>,
    come: mpsc::UnboundedReceiver<Peer>,
}

/// A client, with the server's handle for it.
pub(crate) struct Guest {
    pub(crate) client: Client,
    pub(crate) peer: Peer,
    heard: mpsc::UnboundedReceiver<String>,
}

/// Tells that a handler is dropped.
struct Dropped(mpsc::UnboundedSender<String>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send("the handler is dropped".into()); // the test may be over
    }
}

impl Servers {
    /// So many servers, which know each other.
    pub(crate) async fn new(count: usize) -> Self {
        Self::with(count, 1, |node| node).await
    }

    /// The same with a seed for the engine's faults, and settings of the nodes.
    pub(crate) async fn with(count: usize, seed: u64, settings: impl Fn(NodeBuilder) -> NodeBuilder) -> Self {
        let mut servers = Self { engine: MemoryEngine::new(seed), all: Vec::new() };
        for index in 0..count {
            let server = TestServer::start(&servers.engine, &index.to_string(), &settings).await;
            servers.all.push(server);
        }
        servers
    }

    /// The number of servers that each of them knows, itself included.
    pub(crate) fn known(&self) -> Vec<usize> {
        self.all.iter().map(|server| server.node.as_ref().map_or(0, |node| node.nodes().len())).collect()
    }

    pub(crate) fn cut(&self, index: usize) {
        self.engine.cut(&self.all[index].backplane);
    }

    pub(crate) fn restore(&self, index: usize) {
        self.engine.restore(&self.all[index].backplane);
    }
}

impl TestServer {
    pub(crate) async fn start(
        engine: &MemoryEngine,
        name: &str,
        settings: impl Fn(NodeBuilder) -> NodeBuilder,
    ) -> Self {
        let (enter, come) = mpsc::unbounded_channel();
        let builder = Server::builder()
            .authorize(|request| async move {
                Ok::<_, Refusal>(request.bearer().map_or_else(Grant::new, |user| Grant::new().user(user)))
            })
            .on_connect(move |peer| {
                let _ = enter.send(peer); // the test may be over
                std::future::ready(())
            });
        let acceptor = builder.mount(Router::new()).expect("valid settings");
        let groups = acceptor.handle().groups();
        let gaps = Arc::new(Mutex::new(Vec::new()));
        let tell = gaps.clone();
        groups.on_gap(move |group| tell.lock().expect("no panic").push(group.to_owned()));
        let backplane = engine.server();
        let node = settings(Node::builder(backplane.clone()).name(name));
        let node = node.start(&groups).await.expect("the engine is there");
        Self { acceptor, groups, backplane, node: Some(node), gaps, come }
    }

    pub(crate) fn node(&self) -> &Node {
        self.node.as_ref().expect("it has not ended")
    }

    /// Connects a client that hears `said`, echoes `echo`, and never answers `hang`.
    pub(crate) async fn guest(&mut self) -> Guest {
        self.enter(Client::builder()).await
    }

    /// The same for a member of a group.
    pub(crate) async fn member(&mut self, group: &str) -> Guest {
        let guest = self.guest().await;
        let joined = self.groups.join(&guest.peer, group).await.expect("there is room");
        assert_eq!(joined.remote, Remote::Published);
        guest
    }

    /// The same for a user.
    pub(crate) async fn user(&mut self, name: &str) -> Guest {
        self.enter(Client::builder().header("authorization", &format!("Bearer {name}"))).await
    }

    async fn enter(&mut self, client: ClientBuilder) -> Guest {
        let (hear, heard) = mpsc::unbounded_channel();
        let dropped = hear.clone();
        let router = Router::new()
            .notification("said", move |_: Context, (line,): (String,)| {
                let _ = hear.send(line);
                std::future::ready(())
            })
            .method("echo", |_: Context, (line,): (String,)| std::future::ready(Ok::<_, ErrorObject>(line)))
            .method("refuse", |_: Context, (code,): (i64,)| {
                std::future::ready(Err::<(), _>(ErrorObject::new(code, "no").with_data("why")))
            })
            .method("hang", move |_: Context, (): ()| {
                let guard = Dropped(dropped.clone());
                async move {
                    let _guard = guard;
                    std::future::pending::<Result<(), ErrorObject>>().await
                }
            });
        let client = self.acceptor.connect_in_memory(client.serve(router)).await.expect("it is authorized");
        let peer = self.come.recv().await.expect("it has connected");
        Guest { client, peer, heard }
    }

    /// The groups of which a gap was told since the last time, in order.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let mut gaps = std::mem::take(&mut *self.gaps.lock().expect("no panic"));
        gaps.sort();
        gaps
    }
}

impl Guest {
    /// What it hears next.
    pub(crate) async fn hear(&mut self) -> String {
        let heard = tokio::time::timeout(Duration::from_secs(60), self.heard.recv()).await;
        heard.expect("it hears something").expect("it is connected")
    }

    /// What it has heard and was not read.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }
}

/// Sends a line to a group.
pub(crate) async fn say(groups: &Groups, group: &str, line: &str) -> (usize, Remote) {
    let sent = groups.to(group).send(|peer: &Peer| peer.notify("said", [line])).await.expect("it is short");
    (sent.local, sent.remote)
}

/// Lets all that can happen now happen, and some time pass.
pub(crate) async fn pass(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
