//! The server of a chat room; `client` and `chat` connect to it.
//!
//! `cargo run --example server -- [ADDRESS]`, 127.0.0.1:9944 by default. On SIGTERM or SIGINT (Ctrl-C) it
//! finishes open calls, for at most ten seconds, and then ends.

#[allow(dead_code, unreachable_pub)] // each process uses its part of it
mod api;
#[allow(unreachable_pub)]
mod signals;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use api::ChatServer;
use api::room::Room;
use birpc::{Router, Server};
use signals::asked_to_stop;
use tokio::runtime::Runtime;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let outcome = runtime.block_on(serve());
    // `#[tokio::main]` would wait for blocking methods until they return, since threads cannot be stopped.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9944".into());
    let builder = Server::builder();
    let room = Arc::new(Room::new(builder.handle())); // it broadcasts through the handle
    let router = Router::new().service(ChatServer::from_arc(room.clone()));
    let server = builder
        .on_connect(|peer| async move { println!("server: {peer:?} connected") })
        .on_disconnect(move |peer, reason| {
            room.left(&peer, &reason);
            async {}
        })
        .bind(address)
        .await
        .map_err(|error| format!("{error}, as in `cargo run --example server -- 127.0.0.1:0`"))?;
    let stop = asked_to_stop()?;
    println!("listening on ws://{}/", server.local_addr()?);

    let handle = server.handle();
    let serving = tokio::spawn(server.serve(router));
    stop.await?;
    println!("server: shutting down");
    let drained = handle.shutdown(Duration::from_secs(10)).await;
    println!("server: {} calls finished, {} cut", drained.finished, drained.cut);
    serving.await??;
    Ok(())
}
