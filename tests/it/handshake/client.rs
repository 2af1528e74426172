//! Plays the answers of servers to birpc's client.

use std::path::Path;

use birpc::{Client, ConnectError};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::script::{self, Block, Names, values};
use super::setups;
use crate::support::bounded;
use crate::support::bytes::Bytes;

pub(crate) async fn play(path: &Path) {
    let mut failures = Vec::new();
    for block in script::read(path) {
        if let Err(error) = bounded(play_block(&block)).await {
            failures.push(format!("{}:{}: {}\n    {error}", path.display(), block.line, block.title));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

async fn play_block(block: &Block) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let host = listener.local_addr().expect("it is bound").to_string();
    let url = format!("ws://{host}/chat?room=1");
    let (answered, connected) =
        tokio::join!(answer(block, &listener, &host), setups::client(&block.setup).connect(&url));
    answered?;
    let outcome = told(&connected);
    let (kind, text) = block.outcome.split_once(' ').unwrap_or((&block.outcome, ""));
    match outcome.strip_prefix(kind) {
        Some(rest) if rest.contains(text) => Ok(()),
        _ => Err(format!("expected {}, came {outcome}", block.outcome)),
    }
}

/// One connection of the played server: checks the request, and answers as written.
async fn answer(block: &Block, listener: &TcpListener, host: &str) -> Result<(), String> {
    let (stream, _) = listener.accept().await.expect("a client");
    let mut far = Bytes::new(stream, false);
    let request = far.head().await;
    let expected = block.to_server.iter().map(|line| line.replace("{host}", host));
    for expected in expected {
        if !request.lines().any(|line| line.eq_ignore_ascii_case(&expected)) {
            return Err(format!("expected `{expected}` in the request:\n{request}"));
        }
    }
    let keys = values(&request, "Sec-WebSocket-Key");
    let accept = derive_accept_key(keys[0].as_bytes());
    let (mut lines, mut is_silent) = (block.to_client.as_slice(), false);
    if let [before @ .., last] = lines
        && last == "(silence)"
    {
        (lines, is_silent) = (before, true);
    }
    far.send(&script::bytes(lines, &Names { host, accept: &accept })).await;
    if !is_silent {
        far.end().await;
    }
    // Waits until the client disconnects: a connected client answers the end, and one that gave up is gone.
    far.rest().await;
    Ok(())
}

fn told(connected: &Result<Client, ConnectError>) -> String {
    match connected {
        Ok(client) => format!("connected {}", client.subprotocol().unwrap_or("none")),
        Err(ConnectError::Refused { status, body, .. }) => format!("Refused {status} {body}"),
        Err(ConnectError::Handshake(why)) => format!("Handshake {why}"),
        Err(ConnectError::Io { source, .. }) => format!("Io {source}"),
        Err(ConnectError::TimedOut { .. }) => "TimedOut".into(),
        Err(other) => format!("{other:?}"),
    }
}
