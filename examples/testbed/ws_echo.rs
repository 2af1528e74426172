//! A WebSocket echo server over birpc's transport, for conformance suites. `cargo xtask autobahn` runs this:
//! `cargo run --release --example ws_echo -- --listen 127.0.0.1:0` prints `listening on ws://127.0.0.1:PORT/`
//! first. With `--tungstenite`, tokio-tungstenite accepts the sockets.

mod echo;

use birpc::transport::Role;
use birpc::tungstenite::{self, tokio_tungstenite};
use birpc::{Limits, Server};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listen = std::env::args().skip_while(|argument| argument != "--listen").nth(1);
    let listen = listen.unwrap_or_else(|| "127.0.0.1:9945".into());
    if std::env::args().any(|argument| argument == "--tungstenite") {
        return over_tungstenite(&listen).await;
    }
    let server = Server::builder().limits(echo::raise).bind(listen).await?;
    println!("listening on ws://{}/", server.local_addr()?);
    server.serve_transports(|transport, _| echo::echo(transport)).await;
    Ok(())
}

async fn over_tungstenite(listen: &str) -> std::io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    println!("listening on ws://{}/", listener.local_addr()?);
    let mut limits = Limits::default();
    echo::raise(&mut limits);
    let settings = tungstenite::config(&limits);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            // The suite closes some connections before their handshake is complete.
            if let Ok(socket) = tokio_tungstenite::accept_async_with_config(stream, Some(settings)).await {
                echo::echo(tungstenite::WebSocket::new(socket, Role::Server)).await;
            }
        });
    }
}
