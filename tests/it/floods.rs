//! Floods and huge messages are limited, then the connection closes; large messages are sent in pieces.
//! Defaults are tested on sockets, and effects that depend on buffer sizes over a WebSocket in memory.

use std::sync::Arc;
use std::time::Duration;

use birpc::transport::{Role, WebSocket};
use birpc::{CloseReason, Config, Connection, ConnectionInfo, ErrorObject, Initiator, Peer, Router};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

use crate::support::bytes::{
    Bytes, FIRST_OF_TEXT, LAST, MORE, PING, PONG, TEXT, WireFrame, frame, header, wired,
};
use crate::support::{Side, bounded, listen};

const MIB: usize = 1 << 20;

fn sized() -> Router {
    Router::new()
        .method("text", |_, (size,): (usize,)| async move { Ok::<_, ErrorObject>("x".repeat(size)) })
        .method("length", |_, (text,): (String,)| async move { Ok::<_, ErrorObject>(text.len()) })
}

fn call(id: usize, method: &str, param: &str) -> Vec<u8> {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":[{param}]}}").into_bytes()
}

/// Sends these bytes to a server with default settings. Returns the close frame that the peer gets, and the
/// reason that the server's application gets.
async fn sent_to_a_server(bytes: Vec<u8>) -> (u16, CloseReason) {
    let mut listening = listen(Side::new(sized())).await;
    let mut far = Bytes::upgraded(listening.address).await;
    let peer = listening.connected.recv().await.expect("the server runs");
    let (code, _) = bounded(far.close_amid(&bytes)).await;
    far.end().await;
    (code, bounded(peer.closed()).await)
}

fn is_a_violation(told: &(u16, CloseReason), code: u16) -> bool {
    (told.0, told.1.code, told.1.initiator) == (code, code, Initiator::Local)
}

#[tokio::test]
async fn a_flood_of_pings_is_closed_with_1008() {
    for kind in [PING, PONG] {
        let told = sent_to_a_server(frame(kind, b"flood", true).repeat(50_000)).await;
        assert!(is_a_violation(&told, 1008), "{told:?}");
    }
}

// Each pong costs memory, also one without a payload.
#[tokio::test(start_paused = true)]
async fn pings_of_a_peer_that_does_not_read_pongs_are_read_up_to_a_limit() {
    let side = Side::default().limits(|limits| {
        (limits.max_control_rate, limits.max_queued_bytes) = (usize::MAX, 10_000);
        limits.write_stall = Duration::from_secs(1000);
    });
    let (_wired, mut far) = wired(Role::Server, side, 1 << 10).await;
    let pings = frame(PING, b"", true).repeat(100_000);
    let sent = tokio::time::timeout(Duration::from_secs(100), far.send(&pings)).await;
    assert!(sent.is_err(), "all pings were read");
}

#[tokio::test]
async fn a_flood_of_fragments_is_closed_with_1008() {
    for piece in [&b""[..], b"x"] {
        let flood = frame(MORE, piece, true).repeat(50_000);
        let told = sent_to_a_server([frame(FIRST_OF_TEXT, piece, true), flood].concat()).await;
        assert!(is_a_violation(&told, 1008), "{told:?}");
    }
}

#[tokio::test]
async fn as_many_fragments_as_the_limit_are_a_message() {
    let listening = listen(Side::new(sized())).await;
    let mut far = Bytes::upgraded(listening.address).await;
    let text = call(1, "length", "\"xxx\"");
    for (fragments, is_served) in [(2, true), (1024, true), (1025, false)] {
        far.send_frame(FIRST_OF_TEXT, &text[..1]).await;
        for _ in 2..fragments {
            far.send_frame(MORE, b"").await;
        }
        far.send_frame(LAST, &text[1..]).await;
        if is_served {
            assert_eq!(bounded(far.text()).await, r#"{"jsonrpc":"2.0","id":1,"result":3}"#);
        } else {
            assert_eq!(bounded(far.close()).await.0, 1008, "{fragments} fragments");
        }
    }
}

// The payload need not arrive: the header's announcement is refused.
#[tokio::test]
async fn a_header_that_announces_too_much_is_closed_with_1009() {
    for length in [16 * MIB, MIB + 1, i64::MAX as usize] {
        let told = sent_to_a_server(header(TEXT, length, true)).await;
        assert!(is_a_violation(&told, 1009), "{length}: {told:?}");
    }
}

#[tokio::test]
async fn a_message_of_two_mebibytes_is_closed_with_1009() {
    let text = call(1, "length", &format!("\"{}\"", "x".repeat(2 * MIB)));
    let told = sent_to_a_server(frame(TEXT, &text, true)).await;
    assert!(is_a_violation(&told, 1009), "{told:?}");
}

#[tokio::test]
async fn fragments_of_two_mebibytes_are_closed_with_1009() {
    let piece = frame(MORE, &[b'x'; 64 << 10], true);
    let told = sent_to_a_server([frame(FIRST_OF_TEXT, b"\"", true), piece.repeat(32)].concat()).await;
    assert!(is_a_violation(&told, 1009), "{told:?}");
}

// Half a frame is not kept for ever: the peer is silent, so keepalive applies.
#[tokio::test(start_paused = true)]
async fn half_a_message_is_given_up_with_its_peer() {
    let (wired, mut far) = wired(Role::Server, Side::new(sized()), 1 << 16).await;
    far.send(&header(TEXT, MIB, true)).await;
    let began = Instant::now();
    let reason = wired.ended().await;
    assert_eq!((reason.code, began.elapsed().as_secs()), (1006, 40));
}

#[tokio::test(start_paused = true)]
async fn pongs_pass_between_the_fragments_of_a_large_message() {
    for role in [Role::Client, Role::Server] {
        let side = Side::new(sized()).limits(|limits| limits.max_message_out = 8 * MIB);
        let (_wired, mut far) = wired(role, side, 64 << 10).await;
        far.send_frame(TEXT, &call(1, "text", &(3 * MIB).to_string())).await;
        let WireFrame { first, payload } = far.next().await.expect("a fragment");
        assert_eq!((first, payload.len()), (FIRST_OF_TEXT, MIB));
        far.send_frame(PING, b"there?").await;
        let (mut message, mut pongs, mut between) = (payload, 0, false);
        loop {
            let WireFrame { first, payload } = far.next().await.expect("a fragment");
            match first {
                PONG => {
                    assert_eq!(payload, b"there?");
                    pongs += 1;
                }
                MORE | LAST => {
                    assert!(payload.len() <= MIB);
                    message.extend(payload);
                    between |= first == MORE && pongs > 0;
                }
                other => panic!("{other:#x}"),
            }
            if first == LAST {
                break;
            }
        }
        assert!(pongs == 1 && between, "{role:?}: the pong came behind the message");
        let expected = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"{}\"}}", "x".repeat(3 * MIB));
        assert!(message == expected.as_bytes(), "{} bytes", message.len());
    }
}

// A pong does not wait in the queue for a peer that reads slowly.
#[tokio::test(start_paused = true)]
async fn a_pong_overtakes_a_full_queue() {
    let (wired, mut far) = wired(Role::Server, Side::new(sized()), 64 << 10).await;
    for id in 0..100 {
        far.send_frame(TEXT, &call(id, "text", "60000")).await;
    }
    while wired.peer.buffered_amount() < 3 * MIB {
        tokio::task::yield_now().await;
    }
    far.send_frame(PING, b"there?").await;
    let mut before = 0;
    loop {
        let WireFrame { first, payload } = far.next().await.expect("a frame");
        if first == PONG {
            break;
        }
        before += payload.len();
    }
    assert!(before < 256 << 10, "{before} bytes came before the pong");
}

// Pings need no handler; their pongs are not read.
#[tokio::test(start_paused = true)]
async fn pings_whose_pongs_nobody_reads_fill_no_memory() {
    let side = Side::new(sized()).limits(|limits| {
        (limits.max_control_rate, limits.max_queued_bytes) = (usize::MAX, 64 << 10);
    });
    let (wired, far) = wired(Role::Server, side, 4 << 10).await;
    let (_reader, mut writer) = far.split();
    let ping = frame(PING, &[b'x'; 125], true);
    let began = Instant::now();
    let mut sent = 0;
    // As soon as nothing more is read, the write waits until the clock advances.
    while let Ok(Ok(())) = tokio::time::timeout(Duration::from_secs(1), writer.write_all(&ping)).await {
        sent += ping.len();
        assert!(sent < MIB, "no end of pings is read");
    }
    drop(writer);
    let reason = wired.ended().await;
    assert_eq!((reason.code, reason.initiator), (1013, Initiator::Local));
    assert!(began.elapsed() <= Duration::from_secs(36), "{:?}", began.elapsed());
}

/// A peer whose messages never end: in each of its turns it sends more than one turn reads.
struct Endless {
    peer: Peer,
    far: DuplexStream,
    message: Vec<u8>,
}

impl Endless {
    fn new(config: Config) -> Self {
        let (near, far) = duplex(MIB);
        let socket = WebSocket::new(near, Vec::new(), Role::Server, &config.limits);
        let (peer, connection) = Connection::new(socket, Arc::new(config), ConnectionInfo::default());
        tokio::spawn(connection);
        let text = format!(r#"{{"jsonrpc":"2.0","method":"none","params":["{}"]}}"#, "x".repeat(MIB / 2));
        Self { peer, far, message: frame(TEXT, text.as_bytes(), true) }
    }

    /// Sends for this many milliseconds of a clock that only this function advances, unless the other side
    /// has ended.
    async fn send_for(&mut self, milliseconds: u64) {
        for _ in 0..milliseconds {
            if self.far.write_all(&self.message).await.is_err() {
                return;
            }
            tokio::time::advance(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_without_end_keeps_no_close_waiting() {
    let mut config = Config::default();
    config.limits.close_timeout = Duration::from_millis(100);
    let mut endless = Endless::new(config);
    endless.send_for(10).await;
    endless.peer.close(1000, "enough").expect("a code that may be sent");
    endless.send_for(200).await;
    let closed = tokio::time::timeout(Duration::ZERO, endless.peer.closed()).await;
    assert!(!closed.expect("it is closed by now").clean);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_without_end_keeps_no_call_from_timing_out() {
    let mut endless = Endless::new(Config::default());
    let call = endless.peer.call::<()>("never", ()).with_timeout(Duration::from_millis(100));
    let call = tokio::spawn(call);
    endless.send_for(200).await;
    let ended = tokio::time::timeout(Duration::ZERO, call).await;
    assert!(ended.expect("it has ended by now").expect("no panic").is_err());
}
