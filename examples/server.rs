//! The server of a chat room; `client` and `chat` connect to it.
//!
//! `cargo run --example server -- [ADDRESS]`, 127.0.0.1:9944 by default.

#[allow(dead_code, unreachable_pub)] // each process uses its part of it
mod api;

use std::error::Error;
use std::sync::Arc;

use api::ChatServer;
use api::room::Room;
use birpc::{Router, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9944".into());
    let builder = Server::builder();
    let room = Arc::new(Room::new(builder.handle())); // it broadcasts through the handle
    let router = Router::new().add(ChatServer::from_arc(room.clone()));
    let server = builder
        .on_connect(|peer| async move { println!("server: {peer:?} connected") })
        .on_disconnect(move |peer, reason| room.left(peer, reason))
        .bind(address)
        .await?;
    println!("listening on ws://{}/", server.local_addr()?);
    server.serve(router).await?;
    Ok(())
}
