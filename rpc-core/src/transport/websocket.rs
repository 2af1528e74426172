//! Frames over a WebSocket (RFC 6455). The only file that names tungstenite.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{FutureExt, Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as WireFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame as WireClose, Role as WireRole, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::metered::Metered;
use super::scanner::{FrameScanner, TooManyFragments};
use super::{Frame, Progress, Transport, TransportError};
use crate::close::{CloseCode, CloseFrame};
use crate::config::Limits;

/// tungstenite zero-fills up to this many bytes before each read; 128 KiB, its default, cost 5 µs a read
/// and as much memory a connection.
const READ_BUFFER: usize = 8 << 10;

/// Larger messages go out in fragments of this size, each when the one before is on the wire: pings pass
/// between them, and tungstenite's buffer, whose drain is quadratic, stays small.
const LARGEST_FRAME: usize = 1 << 20;

/// Which end of the handshake this was; it decides masking and who ends the TCP connection first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sent the HTTP request.
    Client,
    /// Answered it.
    Server,
}

/// A WebSocket after its opening handshake.
pub struct WebSocket<S> {
    /// `None` only within [`WebSocket::rest`].
    stream: Option<WebSocketStream<Metered<S>>>,
    role: Role,
    config: WebSocketConfig,
    shut_down: bool,
    /// Fragments of a large message, and what was sent behind it.
    waiting: VecDeque<Message>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> WebSocket<S> {
    /// Takes over a stream whose handshake is done; `read` are bytes that came right behind it.
    pub async fn new(stream: S, read: Vec<u8>, role: Role, limits: &Limits) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(limits.max_message_in))
            .max_frame_size(Some(limits.max_message_in));
        let progress = Progress { received: read.len() as u64, sent: 0 };
        let mut scanner = FrameScanner::new(limits.max_fragments);
        // More than the limit among the first bytes shows with the next.
        let _ = scanner.scan(&read);
        let metered = Metered { stream, progress, scanner };
        let stream = WebSocketStream::from_partially_read(metered, read, role.on_wire(), Some(config)).await;
        Self { stream: Some(stream), role, config, shut_down: false, waiting: VecDeque::new() }
    }
}

impl Role {
    fn on_wire(self) -> WireRole {
        match self {
            Self::Client => WireRole::Client,
            Self::Server => WireRole::Server,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    fn stream(&mut self) -> Pin<&mut WebSocketStream<Metered<S>>> {
        Pin::new(self.stream.as_mut().expect("`rest` puts back what it takes"))
    }

    fn start_send(&mut self, message: Message) -> Result<(), TransportError> {
        self.stream().start_send(message).map_err(transport_error)
    }
}

/// A fresh `Sec-WebSocket-Key` (RFC 6455 §4.1).
#[must_use]
pub fn generate_key() -> String {
    handshake::client::generate_key()
}

/// The `Sec-WebSocket-Accept` that answers a key (RFC 6455 §4.2.2).
#[must_use]
pub fn accept_key(key: &[u8]) -> String {
    handshake::derive_accept_key(key)
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for WebSocket<S> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, TransportError>>> {
        loop {
            let message = match ready!(self.stream().poll_next(cx)) {
                Some(Ok(message)) => message,
                None | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(transport_error(error)))),
            };
            if message.is_close() {
                // The peer wants nothing more; what waits would only hold up our half of the handshake.
                self.waiting.clear();
            }
            if let Some(frame) = frame_of(message) {
                return Poll::Ready(Some(Ok(frame)));
            }
        }
    }

    fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        match &frame {
            Frame::Text(bytes) | Frame::Binary(bytes) if bytes.len() > LARGEST_FRAME => {
                self.waiting.extend(fragments(frame)?);
                Ok(())
            }
            // A ping or pong may pass between fragments (RFC 6455 §5.4).
            Frame::Ping(_) | Frame::Pong(_) => self.start_send(message_of(frame)?),
            _ if self.waiting.is_empty() => self.start_send(message_of(frame)?),
            _ => {
                self.waiting.push_back(message_of(frame)?);
                Ok(())
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        loop {
            match ready!(self.stream().poll_flush(cx)) {
                Ok(()) => {}
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(transport_error(error))),
            }
            let Some(message) = self.waiting.pop_front() else { return Poll::Ready(Ok(())) };
            self.start_send(message)?;
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(()) };
        let stream = &mut stream.get_mut().stream;
        // The server ends the TCP connection first, so that the wait after it is the server's.
        if self.role == Role::Server && !self.shut_down {
            self.shut_down = ready!(Pin::new(&mut *stream).poll_shutdown(cx)).is_ok();
        }
        let mut dropped = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut dropped);
            match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }

    fn progress(&self) -> Progress {
        self.stream.as_ref().map(|stream| stream.get_ref().progress).unwrap_or_default()
    }

    /// tungstenite's buffers keep the size of the largest message. Between two messages, with nothing to be sent,
    /// they hold nothing, and new ones take their place.
    fn rest(&mut self) {
        let between = |stream: &mut WebSocketStream<Metered<S>>| stream.get_ref().scanner.is_at_rest();
        if !self.waiting.is_empty() {
            return;
        }
        let Some(stream) = self.stream.take_if(between) else { return };
        let opening =
            WebSocketStream::from_raw_socket(stream.into_inner(), self.role.on_wire(), Some(self.config));
        // It only makes the buffers: there is no handshake to wait for.
        self.stream = opening.now_or_never();
        self.waiting = VecDeque::new();
    }
}

/// A message in frames of [`LARGEST_FRAME`] (RFC 6455 §5.4).
fn fragments(frame: Frame) -> Result<Vec<Message>, TransportError> {
    let (mut opcode, mut rest) = match frame {
        Frame::Text(bytes) => (Data::Text, Bytes::from(text(bytes)?)),
        Frame::Binary(bytes) => (Data::Binary, bytes),
        other => return Ok(vec![message_of(other)?]),
    };
    let mut messages = Vec::with_capacity(rest.len() / LARGEST_FRAME + 1);
    while !rest.is_empty() {
        let piece = rest.split_to(rest.len().min(LARGEST_FRAME));
        messages.push(Message::Frame(WireFrame::message(piece, OpCode::Data(opcode), rest.is_empty())));
        opcode = Data::Continue;
    }
    Ok(messages)
}

fn frame_of(message: Message) -> Option<Frame> {
    Some(match message {
        Message::Text(text) => Frame::Text(text.into()),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(bytes) => Frame::Ping(bytes),
        Message::Pong(bytes) => Frame::Pong(bytes),
        Message::Close(None) => Frame::Close(None),
        Message::Close(Some(close)) => {
            let (code, reason) = (u16::from(close.code), close.reason.as_str());
            match CloseFrame::new(code, reason) {
                Ok(frame) => Frame::Close(Some(frame)),
                Err(_) => Frame::UnknownClose(code, reason.to_owned()),
            }
        }
        // Only when raw frames are read, which they are not.
        Message::Frame(_) => return None,
    })
}

fn message_of(frame: Frame) -> Result<Message, TransportError> {
    let close = |code: CloseCode, reason: &str| WireClose { code: code.get().into(), reason: reason.into() };
    Ok(match frame {
        Frame::Text(bytes) => Message::Text(text(bytes)?),
        Frame::Binary(bytes) => Message::Binary(bytes),
        Frame::Ping(bytes) => Message::Ping(bytes),
        Frame::Pong(bytes) => Message::Pong(bytes),
        Frame::Close(Some(frame)) => Message::Close(Some(close(frame.code, &frame.reason))),
        Frame::Close(None) | Frame::UnknownClose(..) => Message::Close(None),
    })
}

fn text(bytes: Bytes) -> Result<Utf8Bytes, TransportError> {
    Utf8Bytes::try_from(bytes).map_err(|_| violation(CloseCode::INTERNAL, "text to send is not UTF-8"))
}

/// tungstenite itself sends nothing on an error: the code to close with is told to who does.
fn transport_error(error: Error) -> TransportError {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            let why =
                format!("a message of at least {size} bytes; the limit is {max_size} (`max_message_in`)");
            violation(CloseCode::TOO_BIG, &why)
        }
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            TransportError::Lost("the peer ended the connection without a close frame".into())
        }
        Error::Protocol(error) => violation(CloseCode::PROTOCOL, &error.to_string()),
        Error::Utf8(_) => violation(CloseCode::INVALID_DATA, "text that is not UTF-8"),
        Error::Io(error) => {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<TooManyFragments>()) {
                Some(flood) => violation(CloseCode::POLICY, &flood.to_string()),
                None => TransportError::Lost(lost(&error)),
            }
        }
        other => TransportError::Lost(other.to_string()),
    }
}

fn violation(code: CloseCode, why: &str) -> TransportError {
    TransportError::Violation(CloseFrame::cut(code, why))
}

fn lost(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionReset => "connection reset by the peer".into(),
        _ => error.to_string(),
    }
}
