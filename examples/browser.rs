//! A chat in a web page: the page, its scripts and the RPC are on one port of an axum application.
//!
//! `cargo run --features axum --example browser [-- --listen ADDR]` prints `listening on http://ADDR/` first.
//! Open that URL in two browser windows, or join from a terminal: `cargo run --example chat -- Bob
//! ws://ADDR/rpc`.
//!
//! The page is a program in TypeScript, `browser/chat.ts`, that uses `@birpc/client` with the types of the
//! traits in `api`: `tests/examples.rs` generates them.

#[allow(dead_code, unreachable_pub)] // each process uses its part of it
mod api;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use api::ChatServer;
use api::room::Room;
use axum::http::header::CONTENT_TYPE;
use axum::response::Html;
use axum::routing::get;
use birpc::{Router, Server};
use tokio::net::TcpListener;

/// The path, the type and the text of what the page loads. `npm run page` in clients/typescript builds the
/// scripts from their TypeScript.
const FILES: &[(&str, &str, &str)] = &[
    ("/style.css", "text/css; charset=utf-8", include_str!("browser/style.css")),
    ("/chat.js", "text/javascript; charset=utf-8", include_str!("browser/chat.js")),
    ("/view.js", "text/javascript; charset=utf-8", include_str!("browser/view.js")),
    ("/api.js", "text/javascript; charset=utf-8", include_str!("browser/api.js")),
    ("/client.js", "text/javascript; charset=utf-8", include_str!("../clients/typescript/dist/index.js")),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listen = std::env::args().skip_while(|argument| argument != "--listen").nth(1);
    let listener = TcpListener::bind(listen.as_deref().unwrap_or("127.0.0.1:9944")).await?;
    println!("listening on http://{}/", listener.local_addr()?);

    let builder = Server::builder();
    let room = Arc::new(Room::new(builder.handle())); // it broadcasts through the handle
    let router = Router::new().service(ChatServer::from_arc(room.clone()));
    let rpc = builder
        .on_disconnect(move |peer, reason| {
            room.left(&peer, &reason);
            async {}
        })
        .mount(router)?;
    let mut app = axum::Router::new()
        .route("/", get(Html(include_str!("browser/index.html"))))
        .route("/rpc", rpc.into_route());
    for (path, kind, text) in FILES {
        app = app.route(path, get(([(CONTENT_TYPE, *kind)], *text)));
    }
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
