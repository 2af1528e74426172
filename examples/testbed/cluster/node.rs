//! One node: a server, and its connection to the others.

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use birpc::cluster::Node;
use birpc::{Context, ErrorObject, PresenceEvent, Server, Streaming};
// A program of your own has it as `birpc::nats`, with the feature `nats`.
use birpc_nats::Nats;

use crate::signals::asked_to_stop;
use crate::{Chat, ChatServer, UserClient};

/// The group that everybody is in.
const ROOM: &str = "everybody";

/// The user's name, kept with its connection.
struct Name(String);

struct Room {
    name: String,
    /// Set if there are other nodes.
    node: Arc<OnceLock<Node>>,
}

impl Chat for Room {
    async fn enter(&self, cx: &Context, name: String) -> Result<Streaming<PresenceEvent>, ErrorObject> {
        let (groups, peer) = (cx.groups(), cx.peer());
        groups.join(&peer, ROOM).await?; // what is said from now on, on any node, reaches the peer
        groups.track(&peer, ROOM, &name, &self.name).await?;
        peer.insert(Name(name));
        Ok(Streaming::from_stream(groups.presence(ROOM)))
    }

    async fn say(&self, cx: &Context, line: String) -> Result<bool, ErrorObject> {
        let name = cx.get::<Name>().ok_or_else(|| ErrorObject::new(1, "enter the chat first"))?;
        let others = cx.groups().to(ROOM).except(cx.peer().global_id());
        let sent = others.send(|user: &UserClient| user.said(name.0.clone(), line)).await;
        let sent = sent.map_err(|error| ErrorObject::new(2, error.to_string()))?;
        Ok(sent.remote != birpc::Remote::Unreachable)
    }

    async fn nodes(&self) -> Result<Vec<String>, ErrorObject> {
        Ok(match self.node.get() {
            Some(node) => node.nodes().into_iter().map(|node| node.name).collect(),
            None => vec![self.name.clone()],
        })
    }
}

/// Serves until a signal arrives.
pub(crate) async fn serve(name: &str, listen: &str, nats: Option<&str>) -> Result<(), Box<dyn Error>> {
    let stop = asked_to_stop()?;
    let server = Server::bind(listen).await?;
    let handle = server.handle();
    let others = Arc::new(OnceLock::new());
    let router = ChatServer::new(Room { name: name.into(), node: others.clone() });
    if let Some(url) = nats {
        let nats = Nats::builder(url).prefix("birpc-example").connect().await?;
        let node = Node::builder(nats).name(name).start(&handle.groups()).await?;
        let _ = others.set(node); // it is set once
    }
    println!("node {name} listens on ws://{}/", server.local_addr()?);
    let stopping = async {
        stop.await?;
        let node = others.get();
        node.inspect(|node| node.leave());
        handle.shutdown(Duration::from_secs(5)).await;
        if let Some(node) = node {
            node.shutdown(Duration::ZERO).await;
        }
        Ok::<_, Box<dyn Error>>(())
    };
    let (served, stopped) = tokio::join!(server.serve(router), stopping);
    served?;
    stopped
}
