//! A peer that reads and writes bytes: handshakes and frames written by hand (RFC 6455 §4 and §5.2).

use std::net::SocketAddr;
use std::sync::Arc;

use birpc::transport::{Role, WebSocket};
use birpc::{CloseReason, Connection, ConnectionInfo, Peer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::Side;

/// First bytes of frames: the FIN bit and the opcode.
pub const TEXT: u8 = 0x81;
pub const FIRST_OF_TEXT: u8 = 0x01;
pub const MORE: u8 = 0x00;
pub const LAST: u8 = 0x80;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;

/// A peer that sends and receives bytes over a stream.
pub struct Bytes<S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    masks: bool,
}

/// A received frame.
#[derive(Debug, PartialEq, Eq)]
pub struct WireFrame {
    /// The first byte: the FIN bit and the opcode.
    pub first: u8,
    pub payload: Vec<u8>,
}

/// A valid handshake request for `/`.
pub fn request(address: SocketAddr) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A complete frame. A client's is masked (§5.3).
pub fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mut frame = header(first, payload.len(), masked);
    let mask = if masked { MASK } else { [0; 4] };
    frame.extend(payload.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The header of a frame.
pub fn header(first: u8, length: usize, masked: bool) -> Vec<u8> {
    let bit = if masked { 0x80 } else { 0 };
    let mut header = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..=125), _) => header.push(bit | length),
        (_, Ok(length)) => {
            header.push(bit | 126);
            header.extend(length.to_be_bytes());
        }
        _ => {
            header.push(bit | 127);
            header.extend((length as u64).to_be_bytes());
        }
    }
    if masked {
        header.extend(MASK);
    }
    header
}

/// The payload of a close frame.
pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

impl Bytes<TcpStream> {
    /// A client that has completed its handshake with a server.
    pub async fn upgraded(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        let mut bytes = Self::new(stream, true);
        bytes.send(request(address).as_bytes()).await;
        let head = bytes.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        bytes
    }
}

/// A connection over a WebSocket in memory that buffers `capacity` bytes in each direction, so that tests do
/// not depend on the system's buffers; and its peer.
pub async fn wired(role: Role, side: Side, capacity: usize) -> (Wired, Bytes<DuplexStream>) {
    let (near, far) = tokio::io::duplex(capacity);
    let transport = WebSocket::new(near, vec![], role, &side.config.limits);
    let (peer, connection) = Connection::new(transport, Arc::new(side.config), ConnectionInfo::default());
    let ended = tokio::spawn(connection.serve(side.router));
    (Wired { peer, ended }, Bytes::new(far, role == Role::Server))
}

pub struct Wired {
    pub peer: Peer,
    ended: JoinHandle<CloseReason>,
}

impl Wired {
    pub async fn ended(self) -> CloseReason {
        self.ended.await.expect("no panic")
    }
}

impl<S: AsyncRead + AsyncWrite> Bytes<S> {
    pub fn new(stream: S, masks: bool) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader, writer, masks }
    }

    pub fn split(self) -> (ReadHalf<S>, WriteHalf<S>) {
        (self.reader, self.writer)
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).await.expect("the peer is there");
    }

    pub async fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.send(&frame(first, payload, self.masks)).await;
    }

    /// Ends the sending half.
    pub async fn end(&mut self) {
        let _ = self.writer.shutdown().await; // the peer may be gone
    }

    /// Reads up to the empty line after a head, or to the end.
    pub async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match self.reader.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Reads everything until the peer ends the connection in any way.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.reader.read_to_end(&mut rest).await; // a reset is an end too
        rest
    }

    /// Reads the next frame; `None` at the end.
    pub async fn next(&mut self) -> Option<WireFrame> {
        next(&mut self.reader, !self.masks).await
    }

    /// Reads the next frame, which must be text.
    pub async fn text(&mut self) -> String {
        let frame = self.next().await.expect("a frame");
        assert_eq!(frame.first, TEXT, "{frame:?}");
        String::from_utf8(frame.payload).expect("UTF-8")
    }

    /// Reads up to the next close frame, and returns its code and reason.
    pub async fn close(&mut self) -> (u16, String) {
        close(&mut self.reader, !self.masks).await
    }

    /// The same, while sending as many of these bytes as the peer accepts.
    pub async fn close_amid(&mut self, bytes: &[u8]) -> (u16, String) {
        let closed = close(&mut self.reader, !self.masks);
        tokio::join!(closed, self.writer.write_all(bytes)).0
    }
}

async fn next(reader: &mut (impl AsyncRead + Unpin), masked: bool) -> Option<WireFrame> {
    let first = reader.read_u8().await.ok()?;
    let second = reader.read_u8().await.ok()?;
    assert_eq!(second & 0x80 != 0, masked, "who masks (RFC 6455 §5.1)");
    let length = match second & 0x7f {
        126 => reader.read_u16().await.ok()?.into(),
        127 => reader.read_u64().await.ok()?,
        short => short.into(),
    };
    let mut mask = [0; 4];
    if masked {
        reader.read_exact(&mut mask).await.ok()?;
    }
    let mut payload = vec![0; usize::try_from(length).expect("it fits in memory")];
    reader.read_exact(&mut payload).await.ok()?;
    payload.iter_mut().zip(mask.into_iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some(WireFrame { first, payload })
}

async fn close(reader: &mut (impl AsyncRead + Unpin), masked: bool) -> (u16, String) {
    loop {
        let WireFrame { first, payload } = next(reader, masked).await.expect("a close frame");
        if first != CLOSE {
            continue;
        }
        let Some((code, reason)) = payload.split_first_chunk() else { return (1005, String::new()) };
        return (u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).expect("UTF-8"));
    }
}
