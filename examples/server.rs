//! The server of a chat room; `client` and `chat` connect to it.
//!
//! `cargo run --example server -- [ADDRESS]`, 127.0.0.1:9944 by default.

#[allow(dead_code, unreachable_pub)] // each process uses its part of it
mod api;

use std::error::Error;
use std::sync::{Arc, OnceLock};

use api::ChatServer;
use api::room::Room;
use birpc::{Router, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9944".into());
    // The room needs the server's handle to broadcast, and the server's hook needs the room.
    let room: Arc<OnceLock<Arc<Room>>> = Arc::default();
    let rooms = room.clone();
    let server = Server::builder()
        .on_connect(|peer| async move { println!("server: {peer:?} connected") })
        .on_disconnect(move |peer, reason| {
            if let Some(room) = rooms.get() {
                room.left(peer, reason);
            }
        })
        .bind(address)
        .await?;
    println!("listening on ws://{}/", server.local_addr()?);
    let service = room.get_or_init(|| Arc::new(Room::new(server.handle()))).clone();
    server.serve(Router::new().add(ChatServer::from_arc(service))).await?;
    Ok(())
}
