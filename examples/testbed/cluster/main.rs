//! A chat over three nodes. Whoever is connected to one of them hears what is said on the others.
//!
//! `cargo run --example cluster` starts three nodes, each a process of its own, which meet at the NATS server
//! `nats://127.0.0.1:4222` (`--nats URL`: another one). If no NATS server is there, it starts a single node,
//! which serves the same chat. Then talk in as many terminals as you like:
//! `cargo run --example cluster -- chat ws://127.0.0.1:9944/ ada`. Ctrl-C stops the nodes.

mod chat;
mod node;
#[allow(unreachable_pub)]
#[path = "../../signals/mod.rs"]
mod signals;
mod start;

use std::error::Error;

use birpc::{Context, ErrorObject, PresenceEvent, Streaming, rpc};

const NATS: &str = "nats://127.0.0.1:4222";

/// The methods of a node.
#[rpc(namespace = "chat")]
trait Chat {
    /// Enters the chat under a name. The stream says who is in it, on all nodes, and who comes and leaves.
    async fn enter(&self, cx: &Context, name: String) -> Result<Streaming<PresenceEvent>, ErrorObject>;
    /// Says something to all others, on all nodes. Returns whether the other nodes could be reached.
    async fn say(&self, cx: &Context, line: String) -> Result<bool, ErrorObject>;
    /// The names of the nodes.
    async fn nodes(&self) -> Result<Vec<String>, ErrorObject>;
}

/// The methods of a user.
#[rpc(namespace = "user")]
trait User {
    #[rpc(notification)]
    async fn said(&self, name: String, line: String);
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => start::all(NATS).await,
        ["--nats", url] => start::all(url).await,
        ["chat", url, name] => chat::talk(url, name).await,
        ["node", name, listen] => node::serve(name, listen, None).await,
        ["node", name, listen, "--nats", url] => node::serve(name, listen, Some(url)).await,
        _ => Err("usage: cluster [--nats URL] | chat URL NAME | node NAME ADDRESS [--nats URL]".into()),
    }
}
