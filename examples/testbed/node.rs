//! The testbed as one of several nodes.

use std::error::Error;

use birpc::ServerHandle;

use crate::option;

/// The connection of this server to the other nodes; `None` if it is alone.
#[cfg(feature = "nats")]
pub(crate) type Node = Option<birpc::cluster::Node>;
#[cfg(not(feature = "nats"))]
pub(crate) type Node = Option<std::convert::Infallible>;

/// Connects the server to the other nodes, if `--nats` says where they meet.
#[cfg(feature = "nats")]
pub(crate) async fn start(server: &ServerHandle) -> Result<Node, Box<dyn Error>> {
    let Some(url) = option("--nats") else { return Ok(None) };
    let nats = birpc_nats::Nats::builder(url);
    let nats = match option("--prefix") {
        Some(prefix) => nats.prefix(prefix),
        None => nats,
    };
    let node = birpc::cluster::Node::builder(nats.connect().await?);
    let node = match option("--node") {
        Some(name) => node.name(name),
        None => node,
    };
    Ok(Some(node.start(&server.groups()).await?))
}

#[cfg(not(feature = "nats"))]
pub(crate) async fn start(_server: &ServerHandle) -> Result<Node, Box<dyn Error>> {
    match option("--nats") {
        Some(_) => Err("--nats needs the feature nats".into()),
        None => Ok(None),
    }
}

/// Shuts the server down as one of several nodes: the others learn at once that it leaves, and that it has
/// ended.
#[cfg(feature = "nats")]
pub(crate) async fn leave(node: &Node, shutdown: impl Future<Output = ()>) {
    node.iter().for_each(birpc::cluster::Node::leave);
    shutdown.await;
    if let Some(node) = node {
        node.shutdown(std::time::Duration::ZERO).await;
    }
}

#[cfg(not(feature = "nats"))]
pub(crate) async fn leave(_node: &Node, shutdown: impl Future<Output = ()>) {
    shutdown.await;
}

/// The id, name and number of connections of each node.
#[cfg(feature = "nats")]
pub(crate) fn list(node: &Node) -> Option<Vec<(String, String, usize)>> {
    let nodes = node.as_ref()?.nodes().into_iter();
    Some(nodes.map(|it| (it.node.to_string(), it.name, it.load as usize)).collect())
}

#[cfg(not(feature = "nats"))]
pub(crate) fn list(_node: &Node) -> Option<Vec<(String, String, usize)>> {
    None
}
