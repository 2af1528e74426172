//! The memory of a WebSocket: nothing between messages, however large they were. docs/limits.md relies on
//! this.

use std::future::poll_fn;
use std::io;
use std::task::Waker;

use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;

use super::*;

const CAPACITY: usize = 64 << 10;

fn pair(capacity: usize) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = duplex(capacity);
    let limits = Limits { max_message_in: 8 << 20, ..Limits::default() };
    let socket = |stream, role| WebSocket::new(stream, Vec::new(), role, &limits);
    (socket(near, Role::Server), socket(far, Role::Client))
}

/// The size of its buffers, used or not; `None` if there is a codec, which has buffers of its own.
fn held<S>(socket: &WebSocket<S>) -> Option<usize> {
    let waiting = socket.waiting.capacity() * size_of::<Message>();
    socket.codec.is_none().then_some(socket.wire.capacity() + waiting)
}

fn is_idle(socket: &mut WebSocket<DuplexStream>) -> bool {
    socket.poll_recv(&mut Context::from_waker(Waker::noop())).is_pending() && held(socket) == Some(0)
}

async fn flush(socket: &mut WebSocket<DuplexStream>) {
    poll_fn(|cx| socket.poll_flush(cx)).await.expect("it is open");
}

async fn recv(socket: &mut WebSocket<DuplexStream>) -> Frame {
    poll_fn(|cx| socket.poll_recv(cx)).await.expect("it is open").expect("a frame")
}

fn frames() -> Vec<Frame> {
    let texts = [0, 1, 60, 999, 1000, 1001, 8192, 20_000, 70_000, LARGEST_FRAME, 3 * LARGEST_FRAME + 1];
    let texts = texts.map(|size| Frame::Text("x".repeat(size).into()));
    texts.into_iter().chain([Frame::Binary("{}".into())]).collect()
}

#[tokio::test]
async fn nothing_is_held_between_messages() {
    let (mut server, mut client) = pair(CAPACITY);
    for frame in frames() {
        client.send(frame.clone()).expect("it is open");
        let (_, received) = tokio::join!(flush(&mut client), recv(&mut server));
        assert_eq!(received, frame);
        server.send(frame.clone()).expect("it is open");
        let (_, received) = tokio::join!(flush(&mut server), recv(&mut client));
        assert_eq!(received, frame);
        if let Frame::Text(text) = &frame {
            assert!(text.is_empty() || text.is_unique(), "what was sent is let go");
        }
        drop((frame, received));
        assert!(is_idle(&mut server) && is_idle(&mut client), "each alone");
    }
    for _ in 0..2 {
        for frame in frames() {
            client.send(frame).expect("it is open");
        }
        let receive = async {
            for frame in frames() {
                assert_eq!(recv(&mut server).await, frame);
            }
        };
        tokio::join!(flush(&mut client), receive);
        assert!(is_idle(&mut server) && is_idle(&mut client), "all at once");
    }
}

#[tokio::test]
async fn a_ping_is_answered_and_leaves_nothing() {
    let (mut server, mut client) = pair(CAPACITY);
    for _ in 0..2 {
        server.send(Frame::Ping("?".into())).expect("it is open");
        flush(&mut server).await;
        assert_eq!(recv(&mut client).await, Frame::Ping("?".into()));
        flush(&mut client).await;
        assert_eq!(recv(&mut server).await, Frame::Pong("?".into()));
        assert!(is_idle(&mut server) && is_idle(&mut client));
    }
}

/// While the peer does not read, its own messages do not stay in memory longer than otherwise.
#[tokio::test]
async fn a_blocked_server_holds_only_what_it_has_to_send() {
    let (mut server, mut client) = pair(1 << 10);
    let large = Frame::Text("x".repeat(100_000).into());
    server.send(large.clone()).expect("it is open");
    let mut noop = Context::from_waker(Waker::noop());
    assert!(server.poll_flush(&mut noop).is_pending());
    client.send(large.clone()).expect("it is open");
    let (_, received) = tokio::join!(flush(&mut client), recv(&mut server));
    assert_eq!(received, large);
    assert!(server.poll_recv(&mut noop).is_pending());
    assert_eq!(held(&server).map(|held| held < 101_000), Some(true));
    let (_, received) = tokio::join!(flush(&mut server), recv(&mut client));
    assert_eq!(received, large);
    assert_eq!(held(&server), Some(0));
}

/// An incomplete frame, message or closing handshake needs the codec.
#[tokio::test]
async fn what_is_half_here_is_kept() {
    for (bytes, open) in [(&b"\x81\x85mask"[..], true), (b"\x01\x80mask", true), (b"\x88\x80mask", false)] {
        let (near, mut far) = duplex(CAPACITY);
        let mut server = WebSocket::new(near, Vec::new(), Role::Server, &Limits::default());
        far.write_all(bytes).await.expect("there is room");
        let read = server.poll_recv(&mut Context::from_waker(Waker::noop()));
        assert_eq!(read.is_pending(), open, "{bytes:?}");
        flush(&mut server).await;
        assert_eq!(held(&server), None, "{bytes:?}");
    }
}

/// A header's announcement takes no memory; memory grows with what arrives.
#[tokio::test]
async fn an_announced_message_takes_memory_as_it_comes() {
    const SIZE: usize = 1 << 20;
    let header = b"\x81\xff\0\0\0\0\0\x10\0\0\0\0\0\0";
    for behind_handshake in [false, true] {
        let (near, mut far) = duplex(CAPACITY);
        let first = [&header[..], b"["].concat();
        let (read, sent) = if behind_handshake { (first, vec![]) } else { (vec![], first) };
        let mut server = WebSocket::new(near, read, Role::Server, &Limits::default());
        far.write_all(&sent).await.expect("there is room");
        let mut noop = Context::from_waker(Waker::noop());
        assert!(server.poll_recv(&mut noop).is_pending());
        assert_eq!(held(&server).map(|held| held <= 2048), Some(true), "{:?}", held(&server));
        let mut come = 1;
        while come < SIZE {
            let piece = (SIZE - come).min(1000);
            far.write_all(&b"x".repeat(piece)).await.expect("there is room");
            come += piece;
            let received = server.poll_recv(&mut noop);
            assert_eq!(received.is_pending(), come < SIZE);
            if come < SIZE / 4 {
                let held = held(&server).expect("no codec yet");
                assert!(held <= 4 * come + 2048, "{held} bytes for {come}");
            }
            if let Poll::Ready(received) = received {
                let Some(Ok(Frame::Text(text))) = received else { panic!("{received:?}") };
                assert!(text.len() == SIZE && text.starts_with(b"[xx") && text.ends_with(b"x"));
            }
        }
        assert!(is_idle(&mut server));
    }
}

/// A frame that is held back is checked like any other: it may be too large, or cut off.
#[tokio::test]
async fn the_end_of_the_stream_amid_a_large_frame_is_seen() {
    let (near, mut far) = duplex(CAPACITY);
    let mut server = WebSocket::new(near, Vec::new(), Role::Server, &Limits::default());
    far.write_all(b"\x81\xff\0\0\0\0\0\x10\0\0\0\0\0\0[").await.expect("there is room");
    drop(far);
    let read = poll_fn(|cx| server.poll_recv(cx)).await;
    assert!(matches!(read, Some(Err(TransportError::Lost(_)))), "{read:?}");
}

/// Bytes that arrived with the handshake are delivered, however many there are.
#[tokio::test]
async fn bytes_behind_the_handshake_come_first() {
    let (near, mut far) = duplex(CAPACITY);
    let mut server =
        WebSocket::new(near, b"\x81\x82\0\0\0\0[]\x81\x82\0\0".into(), Role::Server, &Limits::default());
    assert_eq!(recv(&mut server).await, Frame::Text("[]".into()));
    far.write_all(b"\0\0{}").await.expect("there is room");
    assert_eq!(recv(&mut server).await, Frame::Text("{}".into()));
    assert!(is_idle(&mut server));
}

#[test]
fn it_is_small_itself() {
    let size = size_of::<WebSocket<TcpStream>>();
    assert!(size <= 768, "{size} bytes");
}

/// A stream that counts how often it is read.
struct Counted {
    stream: DuplexStream,
    reads: usize,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reads += 1;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    /// The client, which masks, has just sent a message.
    Sent,
    /// A small message has arrived.
    Small,
}

#[tokio::test]
async fn a_large_message_is_read_in_large_pieces_whatever_was_before_it() {
    for before in [Before::Nothing, Before::Sent, Before::Small] {
        let (near, far) = duplex(2 << 20);
        let limits = Limits { max_message_in: 8 << 20, ..Limits::default() };
        let counted = Counted { stream: near, reads: 0 };
        let mut client = WebSocket::new(counted, Vec::new(), Role::Client, &limits);
        let mut server = WebSocket::new(far, Vec::new(), Role::Server, &limits);
        if let Before::Small = before {
            server.send(Frame::Text("small".into())).expect("it is open");
            flush(&mut server).await;
            poll_fn(|cx| client.poll_recv(cx)).await.expect("it is open").expect("a frame");
        }
        server.send(Frame::Text("x".repeat(1 << 20).into())).expect("it is open");
        flush(&mut server).await;
        if let Before::Sent = before {
            client.send(Frame::Text("a call".into())).expect("it is open");
        }
        poll_fn(|cx| client.poll_recv(cx)).await.expect("it is open").expect("a frame");
        assert!(client.wire.stream.reads < 30, "{before:?}: {} reads", client.wire.stream.reads);
    }
}
