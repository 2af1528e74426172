//! A plain WebSocket echo server over birpc's transport, for conformance suites; `cargo xtask autobahn` runs it:
//! `cargo run --release --example ws_echo -- --listen 127.0.0.1:0` prints `listening on ws://127.0.0.1:PORT/`
//! first.

mod echo;

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;

use birpc::{Acceptor, Router, Server};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listen = option("--listen").unwrap_or_else(|| "127.0.0.1:9945".into());
    let acceptor = Server::builder().limits(echo::raise).mount(Router::new())?;
    let listener = TcpListener::bind(listen).await?;
    println!("listening on ws://{}/", listener.local_addr()?);
    loop {
        let (stream, remote) = listener.accept().await?;
        tokio::spawn(serve(acceptor.clone(), stream, remote));
    }
}

/// HTTP until the upgrade, frames from then on.
async fn serve(acceptor: Acceptor, stream: TcpStream, remote: SocketAddr) {
    let _ = stream.set_nodelay(true); // it only speeds small frames up
    let service = service_fn(async |request| {
        let (response, session) = acceptor.accept(request, Some(remote)).await;
        if let Some(session) = session {
            tokio::spawn(async {
                if let Some(transport) = session.into_transport().await {
                    echo::echo(transport).await;
                }
            });
        }
        Ok::<_, Infallible>(response)
    });
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.with_upgrades().await {
        eprintln!("{remote}: {error}");
    }
}

/// The argument that follows a flag.
fn option(flag: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != flag).nth(1)
}
