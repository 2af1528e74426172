//! An idle connection frees large buffers, and loses nothing.

use std::time::Duration;

use birpc::transport::Role;
use birpc::{Context, ErrorObject, Router};
use serde_json::{Value, json};
use tokio::io::DuplexStream;

use crate::support::bytes::{self, Bytes, FIRST_OF_TEXT, LAST, PING, PONG, TEXT, wired};
use crate::support::{Side, bounded};

/// Longer than a connection needs to become idle, shorter than its keepalive.
const A_WHILE: Duration = Duration::from_secs(3);

const CAPACITY: usize = 1 << 20;

fn echo() -> Side {
    Side::new(
        Router::new()
            .method("echo", |_: Context, (text,): (String,)| async move { Ok::<_, ErrorObject>(text) }),
    )
}

fn request(id: u64, text: &str) -> String {
    json!({"jsonrpc": "2.0", "method": "echo", "params": [text], "id": id}).to_string()
}

/// Receives the next text, after pongs.
async fn expect_echo(peer: &mut Bytes<DuplexStream>, id: u64, text: &str) {
    let mut frame = peer.next().await.expect("a frame");
    while frame.first == PONG {
        frame = peer.next().await.expect("a frame");
    }
    let reply: Value = serde_json::from_slice(&frame.payload).expect("JSON");
    assert_eq!(reply, json!({"jsonrpc": "2.0", "id": id, "result": text}));
}

/// An incomplete message survives the idle time until its other half arrives.
#[tokio::test(start_paused = true)]
async fn half_a_message_survives_the_rest() {
    let text = request(2, "short");
    let whole = bytes::frame(TEXT, text.as_bytes(), true);
    let (first, last) = text.as_bytes().split_at(20);
    let fragments = [
        bytes::frame(FIRST_OF_TEXT, first, true),
        bytes::frame(PING, b"", true),
        bytes::frame(LAST, last, true),
    ];
    for message in [whole, fragments.concat()] {
        for cut in 0..message.len() {
            bounded(cut_at(&message, cut)).await;
        }
    }
}

async fn cut_at(message: &[u8], cut: usize) {
    let large = "x".repeat(20_000);
    let (wired, mut peer) = wired(Role::Server, echo(), CAPACITY).await;
    peer.send_frame(TEXT, request(1, &large).as_bytes()).await;
    expect_echo(&mut peer, 1, &large).await;
    peer.send(&message[..cut]).await;
    tokio::time::sleep(A_WHILE).await;
    peer.send(&message[cut..]).await;
    expect_echo(&mut peer, 2, "short").await;
    assert_eq!(wired.peer.close_reason(), None, "cut at {cut}");
}

/// A connection becomes idle repeatedly, and is woken by incoming and outgoing messages.
#[tokio::test(start_paused = true)]
async fn a_connection_at_rest_wakes_up() {
    let large = "x".repeat(300_000);
    for role in [Role::Server, Role::Client] {
        let (wired, mut peer) = wired(role, echo(), CAPACITY).await;
        for id in 1..5 {
            bounded(async {
                peer.send_frame(TEXT, request(id, &large).as_bytes()).await;
                expect_echo(&mut peer, id, &large).await;
                tokio::time::sleep(A_WHILE).await;
                wired.peer.notify("note", [&large]).await.expect("it is open");
                let note: Value = serde_json::from_str(&peer.text().await).expect("JSON");
                assert_eq!(note["params"][0], *large);
                tokio::time::sleep(A_WHILE).await;
            })
            .await;
        }
    }
}
