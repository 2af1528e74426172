//! Starts the nodes, each as a process of its own.

use std::error::Error;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::select_all;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::signals::asked_to_stop;

/// The nodes and their addresses.
const NODES: [(&str, &str); 3] = [("a", "127.0.0.1:9944"), ("b", "127.0.0.1:9945"), ("c", "127.0.0.1:9946")];

/// Starts three nodes if there is a NATS server, and one if not. Returns when all have ended.
pub(crate) async fn all(nats: &str) -> Result<(), Box<dyn Error>> {
    let stop = asked_to_stop()?;
    let is_there = answers(nats).await;
    let nodes = if is_there { &NODES[..] } else { &NODES[..1] };
    match is_there {
        true => println!("the nodes meet at {nats}"),
        false => println!("nothing answers at {nats}, so there is one node (`nats-server` starts NATS)"),
    }
    let mut running = Vec::new();
    for (name, listen) in nodes {
        running.push(start(name, listen, is_there.then_some(nats))?);
    }
    println!("talk with: cargo run --example cluster -- chat ws://{}/ ada", nodes[nodes.len() - 1].1);
    tokio::select! {
        stopped = stop => stopped?,
        () = one_ends(&mut running) => return Err("a node has ended".into()),
    }
    // Ctrl-C has reached the nodes too. Those that are still there after six seconds are killed.
    let ended = async {
        for node in &mut running {
            let _ = node.wait().await; // it is killed if this fails
        }
    };
    let _ = timeout(Duration::from_secs(6), ended).await;
    Ok(())
}

async fn one_ends(nodes: &mut [Child]) {
    let ends = nodes.iter_mut().map(|node| Box::pin(node.wait()));
    let _ = select_all(ends).await; // the node has said why
}

fn start(name: &str, listen: &str, nats: Option<&str>) -> Result<Child, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["node", name, listen]).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(url) = nats {
        command.args(["--nats", url]);
    }
    Ok(command.spawn()?)
}

/// Whether something listens at the URL.
async fn answers(url: &str) -> bool {
    let address = url.split("://").last().unwrap_or(url).rsplit('@').next().unwrap_or(url);
    let address = if address.contains(':') { address.into() } else { format!("{address}:4222") };
    matches!(timeout(Duration::from_secs(2), TcpStream::connect(address)).await, Ok(Ok(_)))
}
