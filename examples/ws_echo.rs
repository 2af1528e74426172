//! A plain WebSocket echo server over birpc's transport, for conformance suites; `cargo xtask autobahn` runs it:
//! `cargo run --release --example ws_echo -- --listen 127.0.0.1:0` prints `listening on ws://127.0.0.1:PORT/`
//! first.

mod echo;

use birpc::Server;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listen = std::env::args().skip_while(|argument| argument != "--listen").nth(1);
    let listen = listen.unwrap_or_else(|| "127.0.0.1:9945".into());
    let server = Server::builder().limits(echo::raise).bind(listen).await?;
    println!("listening on ws://{}/", server.local_addr()?);
    server.serve_transports(echo::echo).await;
    Ok(())
}
