//! birpc over the sockets of tokio-tungstenite: the differences from its own WebSocket. The tests that run
//! over several kinds of connections, the transcripts and the Autobahn|Testsuite use these sockets too.

use std::sync::Arc;
use std::time::Duration;

use birpc::transport::Role;
use birpc::tungstenite::{Counted, WebSocket, config};
use birpc::{
    CloseReason, Config, Connection, ConnectionInfo, Context, ErrorObject, Initiator, Limits, Peer, Router,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role as WireRole, WebSocketConfig};

use crate::support::bounded;
use crate::support::bytes::{
    Bytes, CLOSE, FIRST_OF_TEXT, LAST, MORE, PING, PONG, TEXT, close_payload, header,
};

fn start<S>(transport: WebSocket<S>, change: impl FnOnce(&mut Config)) -> (Peer, JoinHandle<CloseReason>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut config = Config::default();
    change(&mut config);
    let add = |_: Context, (a, b): (i64, i64)| async move { Ok::<_, ErrorObject>(a + b) };
    let (peer, connection) = Connection::new(transport, Arc::new(config), ConnectionInfo::default());
    (peer, tokio::spawn(connection.serve(Router::new().method("add", add))))
}

/// A server's socket in memory that buffers this many bytes in each direction, and its peer.
async fn server(
    capacity: usize,
    settings: Option<WebSocketConfig>,
) -> (WebSocket<DuplexStream>, Bytes<DuplexStream>) {
    let (near, far) = duplex(capacity);
    let socket = WebSocketStream::from_raw_socket(near, WireRole::Server, settings).await;
    (WebSocket::new(socket, Role::Server), Bytes::new(far, true))
}

#[tokio::test]
async fn what_accept_async_and_connect_async_give_becomes_a_connection() {
    bounded(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
        let accepting = async {
            let (stream, _) = listener.accept().await.expect("a client");
            let settings = Some(config(&Limits::default()));
            tokio_tungstenite::accept_async_with_config(stream, settings).await.expect("an upgrade")
        };
        let connecting = async { tokio_tungstenite::connect_async(url).await.expect("an upgrade").0 };
        let (server, client) = tokio::join!(accepting, connecting);
        let (server, server_ended) = start(WebSocket::new(server, Role::Server), |_| {});
        let (client, client_ended) = start(WebSocket::new(client, Role::Client), |_| {});
        for peer in [&server, &client] {
            assert_eq!(peer.call::<i64>("add", (1, 2)).await, Ok(3));
        }
        client.close(4001, "enough").expect("it may be sent");
        let ends = [(client_ended, Initiator::Local), (server_ended, Initiator::Remote)];
        for (ended, initiator) in ends {
            let reason = ended.await.expect("no panic");
            assert_eq!((reason.code, &*reason.reason, reason.clean), (4001, "enough", true));
            assert_eq!(reason.initiator, initiator);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_violation_is_answered_with_its_code() {
    let unmasked = b"\x81\x02{}".to_vec();
    let no_utf8 = [header(TEXT, 3, true), vec![0xff; 3]].concat();
    let too_large = header(TEXT, (1 << 20) + 1, true);
    for (bytes, code) in [(unmasked, 1002), (no_utf8, 1007), (too_large, 1009)] {
        let (transport, mut far) = server(64 << 10, Some(config(&Limits::default()))).await;
        let (_peer, ended) = start(transport, |_| {});
        far.send(&bytes).await;
        assert_eq!(far.close().await.0, code);
        far.end().await;
        let reason = ended.await.expect("no panic");
        assert_eq!((reason.code, reason.initiator), (code, Initiator::Local));
    }
}

/// The socket's own limit is 64 MiB by default.
#[tokio::test(start_paused = true)]
async fn a_message_that_the_socket_takes_may_still_be_too_large() {
    let (transport, mut far) = server(2 << 20, None).await;
    let (_peer, ended) = start(transport, |_| {});
    far.send_frame(TEXT, &[b' '; (1 << 20) + 1]).await;
    let why = "a message of 1048577 bytes; the limit is 1048576 (`max_message_in`)";
    assert_eq!(far.close().await, (1009, why.into()));
    far.end().await;
    assert_eq!(ended.await.expect("no panic").code, 1009);
}

#[tokio::test(start_paused = true)]
async fn a_code_that_nobody_may_send_arrives_as_1002() {
    for code in [1005, 1014, 2000, 65535] {
        let (transport, mut far) = server(1 << 10, None).await;
        let (_peer, ended) = start(transport, |_| {});
        far.send_frame(CLOSE, &close_payload(code, "")).await;
        assert_eq!(far.close().await.0, 1002, "{code}");
        far.end().await;
        assert_eq!(ended.await.expect("no panic").code, 1002, "{code}");
    }
}

/// A socket drops a close frame for which its buffer has no room.
#[tokio::test(start_paused = true)]
async fn everything_goes_out_in_order_through_a_small_write_buffer() {
    let settings = WebSocketConfig::default().write_buffer_size(0).max_write_buffer_size(500);
    let (transport, mut far) = server(200, Some(settings)).await;
    let (peer, ended) = start(transport, |_| {});
    for number in 0..100 {
        peer.notify("said", (number, "x".repeat(number))).await.expect("there is room");
    }
    peer.notify("large", ["x".repeat(5000)]).await.expect("there is room");
    peer.close(4000, "enough").expect("it may be sent");
    for number in 0..100 {
        let text = far.text().await;
        assert!(text.contains(&format!("[{number},")), "{number}: {text}");
    }
    let (mut large, mut frames) = (Vec::new(), 0);
    loop {
        let frame = far.next().await.expect("a frame");
        assert_eq!(frame.first & !LAST, if frames == 0 { FIRST_OF_TEXT } else { MORE });
        assert!(frame.payload.len() <= 500);
        large.extend(frame.payload);
        frames += 1;
        if frame.first & LAST != 0 {
            break;
        }
    }
    assert!(large.len() > 5000 && frames > 10);
    assert_eq!(far.close().await, (4000, "enough".into()));
    far.send_frame(CLOSE, &close_payload(4000, "")).await;
    far.end().await;
    assert!(ended.await.expect("no panic").clean);
}

#[tokio::test(start_paused = true)]
async fn a_write_buffer_without_room_for_a_frame_ends_the_connection() {
    let settings = WebSocketConfig::default().write_buffer_size(0).max_write_buffer_size(1);
    let (transport, _far) = server(1 << 10, Some(settings)).await;
    let (peer, ended) = start(transport, |_| {});
    peer.notify("said", ()).await.expect("there is room");
    let reason = ended.await.expect("no panic");
    assert_eq!(reason.code, 1011, "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_ping_passes_between_the_fragments_of_a_large_message() {
    let (transport, mut far) = server(1 << 10, None).await;
    let (peer, _ended) = start(transport, |_| {});
    peer.notify("large", ["x".repeat(900_000)]).await.expect("there is room");
    let first = far.next().await.expect("a frame");
    assert_eq!((first.first, first.payload.len()), (FIRST_OF_TEXT, 256 << 10));
    far.send_frame(PING, b"now").await;
    let mut seen = Vec::new();
    while seen.last() != Some(&LAST) {
        seen.push(far.next().await.expect("a frame").first);
    }
    assert!(seen.contains(&PONG), "{seen:x?}");
}

/// A message that takes longer than keepalive waits: only a counting stream shows its progress.
#[tokio::test(start_paused = true)]
async fn bytes_are_life_where_they_are_counted() {
    for (counted, at_once, lives) in [(true, 2000, true), (true, 1, false), (false, 2000, false)] {
        let (near, far) = duplex(64 << 10);
        let mut far = Bytes::new(far, true);
        let (peer, ended) = if counted {
            let near = Counted::new(near);
            let socket = WebSocketStream::from_raw_socket(near, WireRole::Server, None).await;
            start(WebSocket::counting(socket, Role::Server), |_| {})
        } else {
            let socket = WebSocketStream::from_raw_socket(near, WireRole::Server, None).await;
            start(WebSocket::new(socket, Role::Server), |_| {})
        };
        far.send(&header(TEXT, 100_000, true)).await;
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(15)).await;
            if ended.is_finished() {
                break;
            }
            far.send(&vec![b' '; at_once]).await;
        }
        assert_eq!(peer.close_reason().is_none(), lives, "counted: {counted}, {at_once} at once");
    }
}
