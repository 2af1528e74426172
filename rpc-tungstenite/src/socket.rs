//! The transport over a [`WebSocketStream`].

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use birpc_core::transport::{Frame, Role, Traffic, Transport, TransportError};
use birpc_core::{CloseCode, Limits};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::counted::Counted;
use crate::messages::{fragments, frame_of, message_of, transport_error, violation};

/// Larger messages are sent in fragments of this size, each after the previous one is written, so that pings
/// can pass between them and a peer that reads slowly is seen to read.
const LARGEST_FRAME: usize = 256 << 10;

/// The size of the longest frame header (RFC 6455 §5.2).
const HEADER: usize = 14;

/// The size that is counted for a received frame without a payload.
const SMALLEST_FRAME: u64 = 2;

/// A WebSocket of tokio-tungstenite as a transport.
pub struct WebSocket<S> {
    socket: WebSocketStream<S>,
    role: Role,
    /// Returns how many bytes the stream has moved, if it counts them.
    counted: Option<fn(&S) -> Traffic>,
    /// The traffic as far as it is known without a counting stream.
    traffic: Traffic,
    /// The number of received bytes at the end of the last complete message, if they are counted.
    whole: u64,
    /// Bytes that the socket has taken but may not have written.
    unflushed: u64,
    /// Messages that the socket has not taken yet: fragments of a large message, those sent after it, and
    /// those for which the socket had no room.
    waiting: VecDeque<Message>,
    largest_frame: usize,
    /// Whether reading has ended, with or without an error.
    ended: bool,
    shut_down: bool,
}

/// The settings of a socket for these limits, for `accept_async_with_config` and `connect_async_with_config`:
/// messages of up to `max_message_in`, and small buffers.
///
/// With default settings a socket takes messages of up to 64 MiB into memory before the connection closes
/// because of them, and keeps a read buffer of 128 KiB.
#[must_use]
pub fn config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(8 << 10)
        .max_message_size(Some(limits.max_message_in))
        .max_frame_size(Some(limits.max_message_in))
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> WebSocket<S> {
    /// Takes over a socket after its handshake that neither side has closed. `role` is [`Role::Server`] for a
    /// socket of `accept_async`, and [`Role::Client`] for one of `connect_async`. It decides which side ends
    /// the TCP connection first.
    #[must_use]
    pub fn new(socket: WebSocketStream<S>, role: Role) -> Self {
        // A frame must fit into the socket's buffer, or it could never be written.
        let room = socket.get_config().max_write_buffer_size.saturating_sub(HEADER);
        Self {
            socket,
            role,
            counted: None,
            traffic: Traffic::default(),
            whole: 0,
            unflushed: 0,
            waiting: VecDeque::new(),
            largest_frame: room.clamp(1, LARGEST_FRAME),
            ended: false,
            shut_down: false,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> WebSocket<Counted<S>> {
    /// [`WebSocket::new`] over a stream that counts its bytes: each byte is a sign of life, also within a
    /// message.
    #[must_use]
    pub fn counting(socket: WebSocketStream<Counted<S>>, role: Role) -> Self {
        Self { counted: Some(Counted::traffic), ..Self::new(socket, role) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Passes a message to the socket. If the socket has no room for it, it waits in front of all others.
    fn put(&mut self, message: Message) -> Result<(), Error> {
        let size = message.len() as u64 + SMALLEST_FRAME;
        match Pin::new(&mut self.socket).start_send(message) {
            Ok(()) => self.unflushed += size,
            Err(Error::WriteBufferFull(message)) => self.waiting.push_front(*message),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Passes the next message to the socket, which has nothing else to write; `false` if there is none.
    fn put_next(&mut self) -> Result<bool, TransportError> {
        let Some(message) = self.waiting.pop_front() else { return Ok(false) };
        let left = self.waiting.len();
        match self.put(message) {
            Ok(()) if self.waiting.len() == left => Ok(true),
            Ok(()) => {
                let why = "the socket's `max_write_buffer_size` has no room for a frame";
                Err(violation(CloseCode::INTERNAL, why))
            }
            // Both close frames have been received or sent.
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => {
                self.waiting.clear();
                Ok(false)
            }
            Err(error) => Err(transport_error(error)),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for WebSocket<S> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, TransportError>>> {
        while !self.ended {
            let message = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(transport_error(error))));
                }
                None => {
                    self.ended = true;
                    break;
                }
            };
            self.traffic.received += message.len() as u64 + SMALLEST_FRAME;
            self.whole = self.traffic().received;
            if message.is_close() {
                // The peer does not read any more, and the socket would refuse further messages.
                self.waiting.clear();
            }
            if let Some(frame) = frame_of(message) {
                return Poll::Ready(Some(Ok(frame)));
            }
        }
        Poll::Ready(None)
    }

    fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        match &frame {
            Frame::Text(bytes) | Frame::Binary(bytes) if bytes.len() > self.largest_frame => {
                self.waiting.extend(fragments(frame, self.largest_frame)?);
                Ok(())
            }
            // A ping or pong may pass between fragments (RFC 6455 §5.4).
            Frame::Ping(_) | Frame::Pong(_) => self.put(message_of(frame)?).map_err(transport_error),
            // The socket drops a close frame for which its buffer has no room, so the frame is sent when the
            // buffer is empty.
            Frame::Close(_) | Frame::UnknownClose(..) => {
                self.waiting.push_back(message_of(frame)?);
                Ok(())
            }
            _ if self.waiting.is_empty() => self.put(message_of(frame)?).map_err(transport_error),
            _ => {
                self.waiting.push_back(message_of(frame)?);
                Ok(())
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        loop {
            ready!(Pin::new(&mut self.socket).poll_flush(cx)).map_err(transport_error)?;
            self.traffic.sent += std::mem::take(&mut self.unflushed);
            if !self.put_next()? {
                self.waiting = VecDeque::new();
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stream = self.socket.get_mut();
        // The server ends the TCP connection first, so that the server has the TIME_WAIT state.
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

    fn traffic(&self) -> Traffic {
        self.counted.map_or(self.traffic, |counted| counted(self.socket.get_ref()))
    }

    fn unfinished(&self) -> u64 {
        // Bytes that arrived in the same read as the previous message count as part of it.
        self.counted.map_or(0, |counted| counted(self.socket.get_ref()).received.saturating_sub(self.whole))
    }
}

impl<S> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("role", &self.role).finish_non_exhaustive()
    }
}
