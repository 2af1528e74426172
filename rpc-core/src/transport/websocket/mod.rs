//! A transport over a WebSocket (RFC 6455). The only module that uses tungstenite.

mod codec;
mod frames;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::protocol::frame::Frame as WireFrame;
use tungstenite::protocol::{Role as WireRole, WebSocketConfig};
use tungstenite::{Error, Message, handshake};

use super::wire::{Blocking, Wire};
use super::{Frame, Traffic, Transport, TransportError};
use crate::config::Limits;
use codec::{Codec, LARGEST_READ};
use frames::{LARGEST_FRAME, fragments, frame_of, message_of, transport_error};

/// The size of a read when nothing of a message has arrived before.
const FIRST_READ: usize = 8 << 10;

// The codec must take all of that with its first read.
const _: () = assert!(FIRST_READ <= LARGEST_READ);

/// Which side of the handshake this peer is. The role decides who masks and who ends the TCP connection
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The peer that sent the HTTP request.
    Client,
    /// The peer that answered it.
    Server,
}

/// A WebSocket after its opening handshake.
pub struct WebSocket<S> {
    wire: Wire<S>,
    /// `None` while no frame is incomplete, so an idle connection has no buffers, and those of a large
    /// message are freed after it.
    codec: Option<Codec>,
    /// How many of the messages that the scanner counts have been returned.
    received: u64,
    role: Role,
    config: WebSocketConfig,
    /// Whether reading has ended, with or without an error.
    ended: bool,
    shut_down: bool,
    /// The fragments of a large message that wait, and the frames that were sent after it.
    waiting: VecDeque<Message>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> WebSocket<S> {
    /// Takes over a stream whose handshake is complete. `read` are the bytes that arrived directly after it.
    #[must_use]
    pub fn new(stream: S, read: Vec<u8>, role: Role, limits: &Limits) -> Self {
        let config = WebSocketConfig::default()
            // Written bytes wait in `Wire`.
            .write_buffer_size(0)
            .max_message_size(Some(limits.max_message_in))
            .max_frame_size(Some(limits.max_message_in));
        let wire = Wire::new(stream, read, limits);
        let waiting = VecDeque::new();
        Self { wire, codec: None, received: 0, role, config, ended: false, shut_down: false, waiting }
    }
}

impl<S> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("role", &self.role)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
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
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Error>> {
        // A codec that was made for small messages would read a large one in small pieces.
        self.drop_spare_codec();
        let read = match &mut self.codec {
            Some(codec) => codec.poll_read(Blocking { wire: &mut self.wire, cx: Some(cx), first: &[] }),
            None => self.poll_first(cx),
        };
        match read {
            Poll::Ready(_) => self.received += 1,
            Poll::Pending => self.drop_spare_codec(),
        }
        read
    }

    /// Reads without a codec, then makes one whose size fits the bytes that arrived.
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Error>> {
        let mut first = [MaybeUninit::uninit(); FIRST_READ];
        let mut first = ReadBuf::uninit(&mut first);
        ready!(self.wire.poll_read(cx, &mut first))?;
        // The codec takes all of it with its first read, since that read is at least as large.
        let first = first.filled();
        let expected = first.len().max(self.wire.scanner.expected());
        let codec = self.codec.insert(Codec::new(self.role.on_wire(), self.config, expected));
        codec.poll_read(Blocking { wire: &mut self.wire, cx: Some(cx), first })
    }

    /// Appends a message to what is to be written. A codec is needed only to mask, and for the state that a
    /// close frame changes.
    fn put(&mut self, message: Message) -> Result<(), TransportError> {
        let is_open = self.codec.as_ref().is_none_or(Codec::is_open);
        let put = match message {
            Message::Frame(frame) if self.role == Role::Server && is_open => self.put_unmasked(frame),
            message => {
                let (role, config) = (self.role.on_wire(), self.config);
                let codec = self.codec.get_or_insert_with(|| Codec::new(role, config, 0));
                codec.write(Blocking { wire: &mut self.wire, cx: None, first: &[] }, message)
            }
        };
        put.map_err(transport_error)
    }

    fn put_unmasked(&mut self, frame: WireFrame) -> Result<(), Error> {
        frame.header().format(frame.payload().len() as u64, self.wire.out())?;
        self.wire.put(frame.into_payload());
        Ok(())
    }

    fn drop_spare_codec(&mut self) {
        let scanner = &self.wire.scanner;
        if scanner.is_at_rest() && scanner.messages() == self.received {
            self.codec.take_if(|codec| codec.is_spare());
        }
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
        while !self.ended {
            let message = match ready!(self.poll_message(cx)) {
                Ok(message) => message,
                Err(error) => {
                    self.ended = true;
                    return Poll::Ready(match error {
                        Error::ConnectionClosed | Error::AlreadyClosed => None,
                        error => Some(Err(transport_error(error))),
                    });
                }
            };
            if message.is_close() {
                // The peer does not read any more; waiting frames would only delay our half of the handshake.
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
            Frame::Text(bytes) | Frame::Binary(bytes) if bytes.len() > LARGEST_FRAME => {
                self.waiting.extend(fragments(frame)?);
                Ok(())
            }
            // A ping or pong may pass between fragments (RFC 6455 §5.4).
            Frame::Ping(_) | Frame::Pong(_) => self.put(message_of(frame)?),
            _ if self.waiting.is_empty() => self.put(message_of(frame)?),
            _ => {
                self.waiting.push_back(message_of(frame)?);
                Ok(())
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        if let Some(codec) = &mut self.codec {
            match codec.flush(Blocking { wire: &mut self.wire, cx: None, first: &[] }) {
                Ok(()) => {}
                // Both close frames have been received or sent.
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => self.waiting.clear(),
                Err(error) => return Poll::Ready(Err(transport_error(error))),
            }
        }
        loop {
            ready!(self.wire.poll_flush(cx)).map_err(|error| transport_error(error.into()))?;
            let Some(message) = self.waiting.pop_front() else { break };
            self.put(message)?;
        }
        self.waiting = VecDeque::new();
        self.drop_spare_codec();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stream = &mut self.wire.stream;
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
        self.wire.traffic
    }

    fn unfinished(&self) -> u64 {
        self.wire.scanner.unfinished()
    }
}
