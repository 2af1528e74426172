//! A server whose clients are in the same process, for tests of groups.

use birpc::transport::{MemoryTransport, memory_pair};
use birpc::{
    Acceptor, Client, ConnectionInfo, Context, ErrorObject, Grant, Groups, IntoRouter, Peer, Refusal, Remote,
    Router, Sent, Server, ServerBuilder, rpc,
};
use serde_json::Value;
use tokio::sync::mpsc;

use super::NoParams;

/// A server with the peers that have connected.
pub struct House {
    acceptor: Acceptor,
    come: mpsc::UnboundedReceiver<Peer>,
}

/// A client, with the server's handle for it.
pub struct Guest {
    pub client: Client,
    pub peer: Peer,
    heard: mpsc::UnboundedReceiver<Value>,
}

/// What every client of a house serves.
#[rpc(client)]
pub trait Listener {
    #[rpc(notification)]
    async fn said(&self, line: String);
    async fn fence(&self) -> Result<(), ErrorObject>;
}

/// Sends a line to a group, and returns how many have it and how many miss it.
pub async fn say(groups: &Groups, group: &str, line: &str) -> (usize, usize) {
    let sent = groups.to(group).send(|user: &ListenerClient| user.said(line.into())).await;
    let Sent { local, missed, remote, .. } = sent.expect("it is short");
    assert_eq!(remote, Remote::None);
    (local, missed)
}

impl House {
    pub fn new() -> Self {
        Self::serving(Server::builder(), Router::new())
    }

    /// A server with these settings. Who connects with a bearer token belongs to the user of that name.
    pub fn serving(builder: ServerBuilder, router: impl IntoRouter) -> Self {
        let (enter, come) = mpsc::unbounded_channel();
        let builder = builder
            .authorize(|request| async move {
                Ok::<_, Refusal>(request.bearer().map_or_else(Grant::new, |user| Grant::new().user(user)))
            })
            .on_connect(move |peer| {
                let _ = enter.send(peer); // the test may be over
                std::future::ready(())
            });
        Self { acceptor: builder.mount(router).expect("valid settings"), come }
    }

    pub fn acceptor(&self) -> &Acceptor {
        &self.acceptor
    }

    pub fn groups(&self) -> Groups {
        self.acceptor.handle().groups()
    }

    /// Connects a client that hears `said` and `rpc.left`.
    pub async fn guest(&mut self) -> Guest {
        self.enter(Client::builder(), Router::new()).await
    }

    /// The same for a member of a group.
    pub async fn member(&mut self, group: &str) -> Guest {
        let guest = self.guest().await;
        self.groups().join(&guest.peer, group).await.expect("there is room");
        guest
    }

    /// The same for a user.
    pub async fn user(&mut self, name: &str) -> Guest {
        self.enter(Client::builder().header("authorization", &format!("Bearer {name}")), Router::new()).await
    }

    /// The same with settings and further methods.
    pub async fn enter(&mut self, client: birpc::ClientBuilder, methods: Router) -> Guest {
        let (hear, heard) = mpsc::unbounded_channel();
        let left = hear.clone();
        let router = methods
            .notification("said", move |_: Context, (line,): (Value,)| {
                let _ = hear.send(line);
                std::future::ready(())
            })
            .notification("rpc.left", move |_: Context, why: Value| {
                let _ = left.send(why);
                std::future::ready(())
            })
            .method("fence", |_: Context, _: NoParams| std::future::ready(Ok::<_, ErrorObject>(())));
        let client = self.acceptor.connect_in_memory(client.serve(router)).await.expect("it is authorized");
        let peer = self.come.recv().await.expect("it has connected");
        Guest { client, peer, heard }
    }

    /// A peer that sends and reads only what the test wants.
    pub async fn raw(&mut self, subprotocol: Option<&str>) -> (MemoryTransport, Peer) {
        let (near, far) = memory_pair();
        let mut info = ConnectionInfo::default();
        info.subprotocol = subprotocol.map(str::to_owned);
        tokio::spawn(self.acceptor.serve_transport(near, info, Grant::new()));
        (far, self.come.recv().await.expect("it has connected"))
    }

    /// Connects members of a group that send and read only what the test wants.
    pub async fn raw_members(
        &mut self,
        count: usize,
        subprotocol: Option<&str>,
        group: &str,
    ) -> (Vec<MemoryTransport>, Vec<Peer>) {
        let (mut transports, mut peers) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (far, peer) = self.raw(subprotocol).await;
            self.groups().join(&peer, group).await.expect("there is room");
            transports.push(far);
            peers.push(peer);
        }
        (transports, peers)
    }
}

impl Guest {
    /// What the client has heard of what was sent before. Handlers start in the order of arrival, so all of
    /// it has been heard when a later call is answered.
    pub async fn heard(&mut self) -> Vec<Value> {
        self.peer.call::<()>("fence", ()).await.expect("it is connected");
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }

    /// Ends the connection, and waits until the server has seen that.
    pub async fn leave(self) {
        self.client.close(1000, "bye").expect("a valid close");
        self.peer.closed().await;
    }
}
