use std::sync::Arc;

use birpc::{Router, Server};
use chat::{ChatServer, room::Room};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let builder = Server::builder();
    let room = Arc::new(Room::new(builder.handle().peers().clone()));
    let leaving = room.clone();
    let builder = builder.on_disconnect(move |peer, _reason| {
        leaving.left(&peer);
        async {}
    });
    let server = builder.bind("127.0.0.1:9944").await?;
    println!("listening on ws://{}/", server.local_addr()?);
    server.serve(Router::new().service(ChatServer::from_arc(room))).await?;
    Ok(())
}
