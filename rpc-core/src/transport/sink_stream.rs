//! A transport over any socket that is a `Stream` and a `Sink` of messages.

use std::collections::VecDeque;
use std::fmt::{self, Display};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream};

use super::{Frame, Traffic, Transport, TransportError};
use crate::close::{CloseCode, CloseFrame};

/// The overhead that is counted for each message.
const OVERHEAD: u64 = 2;

/// A transport over a socket that is a `Stream` and a `Sink` of messages. The sockets of most frameworks are:
/// warp's, poem's, axum's, salvo's, and those of other versions of tokio-tungstenite. Lines of text work as
/// well.
///
/// Two functions convert messages. `to` converts a [`Frame`] into a message of the socket, `from` does the
/// reverse. Each returns `None` for what the other side cannot represent.
///
/// ```
/// use std::io;
/// use std::sync::Arc;
///
/// use birpc_core::transport::{Frame, SinkStream};
/// use birpc_core::{Config, Connection, ConnectionInfo, Keepalive, Peer};
/// use futures_util::{Sink, Stream};
///
/// /// A socket whose messages are Strings, and that has neither pings nor close frames.
/// fn connect<S>(socket: S) -> Peer
/// where
///     S: Stream<Item = io::Result<String>> + Sink<String, Error = io::Error> + Unpin + Send + 'static,
/// {
///     let transport = SinkStream::new(
///         socket,
///         |frame| match frame {
///             Frame::Text(text) => String::from_utf8(text.into()).ok(),
///             _ => None,
///         },
///         |line: String| Some(Frame::Text(line.into())),
///     );
///     let mut config = Config::default();
///     config.keepalive = Keepalive::off();
///     let (peer, connection) = Connection::new(transport, Arc::new(config), ConnectionInfo::default());
///     tokio::spawn(connection);
///     peer
/// }
/// ```
///
/// # What `to` and `from` must do
/// - `to` must return a message for [`Frame::Text`], which is UTF-8. A connection sends no [`Frame::Binary`].
/// - If `to` returns `None` for [`Frame::Ping`], because the socket has no pings, set [`Keepalive::off`]:
///   otherwise the connection waits for pongs to pings that were never sent.
/// - If `to` returns `None` for [`Frame::Close`], because the socket has no close frames, the socket is
///   closed instead, after everything that was sent before. The peer sees the end of the stream, 1006. This
///   side ends when the peer's half ends, at the latest after [`Limits::close_timeout`].
/// - `from` returns [`Frame::closing`] for a close frame with a code, and `Frame::Close(None)` for one
///   without.
///
/// # What the socket must do
/// - It answers pings and the peer's close frame, as everything built on tungstenite does. If it does not,
///   use [`SinkStream::answering`].
/// - It checks that text is UTF-8.
/// - It limits the size of messages: a message over [`Limits::max_message_in`] closes the connection, but it
///   is in memory by then.
/// - It limits fragments if it wants to; [`Limits::max_fragments`] has no effect.
///
/// # What is lost
/// - An error of the socket counts as a cut connection (1006). No close frame tells the peer what it did
///   wrong, unless the socket sends one.
/// - A message counts as a sign of life when it is complete, and as read by the peer when the socket has
///   taken it. A message that takes longer than the time of [`Keepalive`] or [`Limits::write_stall`] ends the
///   connection.
/// - Large messages are not fragmented, so a ping waits until they have been sent.
///
/// [`Keepalive`]: crate::Keepalive
/// [`Keepalive::off`]: crate::Keepalive::off
/// [`Limits::close_timeout`]: crate::Limits::close_timeout
/// [`Limits::max_message_in`]: crate::Limits::max_message_in
/// [`Limits::max_fragments`]: crate::Limits::max_fragments
/// [`Limits::write_stall`]: crate::Limits::write_stall
pub struct SinkStream<S, M, To, From> {
    socket: S,
    to: To,
    from: From,
    /// The messages that the socket has not taken yet, with their sizes.
    waiting: VecDeque<(M, u64)>,
    traffic: Traffic,
    /// Whether this transport answers pings and the peer's close frame.
    answers: bool,
    close_sent: bool,
    /// Set if the socket has no close frames: it is closed after the waiting messages.
    closing: bool,
    /// Whether reading has ended, with or without an error.
    ended: bool,
}

impl<S, M, E, To, From> SinkStream<S, M, To, From>
where
    S: Stream<Item = Result<M, E>> + Sink<M> + Unpin + Send + 'static,
    To: FnMut(Frame) -> Option<M> + Unpin + Send + 'static,
    From: FnMut(M) -> Option<Frame> + Unpin + Send + 'static,
{
    /// Takes over a socket whose handshake is complete. `to` and `from` convert its messages.
    pub fn new(socket: S, to: To, from: From) -> Self {
        Self {
            socket,
            to,
            from,
            waiting: VecDeque::new(),
            traffic: Traffic::default(),
            answers: false,
            close_sent: false,
            closing: false,
            ended: false,
        }
    }

    /// Makes this transport answer pings and the peer's close frame, for a socket that does not.
    #[must_use]
    pub fn answering(mut self) -> Self {
        self.answers = true;
        self
    }
}

impl<S, M, To, From> SinkStream<S, M, To, From>
where
    To: FnMut(Frame) -> Option<M>,
{
    /// Takes note of an incoming frame, and queues the answer if one is due.
    fn receive(&mut self, frame: &Frame) {
        let answer = match frame {
            Frame::Ping(payload) => Some(Frame::Pong(payload.clone())),
            Frame::Close(_) | Frame::UnknownClose(..) => {
                // The peer does not read any more, and the socket may refuse further messages.
                self.waiting.clear();
                let code = CloseFrame::cut(CloseCode::PROTOCOL, "invalid close code");
                match frame {
                    _ if self.close_sent => None,
                    Frame::UnknownClose(..) => Some(Frame::Close(Some(code))),
                    frame => Some(frame.clone()),
                }
            }
            _ => None,
        };
        if let Some(answer) = answer.filter(|_| self.answers) {
            // The socket may have no message for this frame: only text must have one.
            let _ = self.queue(answer);
        }
    }

    fn queue(&mut self, frame: Frame) -> Result<(), TransportError> {
        let (size, is_data) = (size(&frame), matches!(frame, Frame::Text(_) | Frame::Binary(_)));
        let is_close = matches!(frame, Frame::Close(_) | Frame::UnknownClose(..));
        self.close_sent |= is_close;
        match (self.to)(frame) {
            Some(message) => self.waiting.push_back((message, size)),
            None if is_data => {
                let why = "the socket's message type cannot hold text";
                return Err(TransportError::Violation(CloseFrame::cut(CloseCode::INTERNAL, why)));
            }
            None => self.closing |= is_close,
        }
        Ok(())
    }
}

impl<S, M, E, To, From> Transport for SinkStream<S, M, To, From>
where
    S: Stream<Item = Result<M, E>> + Sink<M> + Unpin + Send + 'static,
    <S as Sink<M>>::Error: Display,
    M: Unpin + Send + 'static,
    E: Display,
    To: FnMut(Frame) -> Option<M> + Unpin + Send + 'static,
    From: FnMut(M) -> Option<Frame> + Unpin + Send + 'static,
{
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, TransportError>>> {
        while !self.ended {
            let message = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(TransportError::Lost(error.to_string()))));
                }
                None => {
                    self.ended = true;
                    break;
                }
            };
            // A message that is not a frame counts as a sign of life too.
            self.traffic.received += OVERHEAD;
            if let Some(frame) = (self.from)(message) {
                self.traffic.received += size(&frame);
                self.receive(&frame);
                return Poll::Ready(Some(Ok(frame)));
            }
        }
        Poll::Ready(None)
    }

    fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        self.queue(frame)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let lost = |error: <S as Sink<M>>::Error| TransportError::Lost(error.to_string());
        let mut socket = Pin::new(&mut self.socket);
        while !self.waiting.is_empty() {
            ready!(socket.as_mut().poll_ready(cx)).map_err(lost)?;
            if let Some((message, size)) = self.waiting.pop_front() {
                socket.as_mut().start_send(message).map_err(lost)?;
                self.traffic.sent += size;
            }
        }
        self.waiting = VecDeque::new();
        if self.closing {
            return socket.poll_close(cx).map_err(lost);
        }
        socket.poll_flush(cx).map_err(lost)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut socket = Pin::new(&mut self.socket);
        // If the socket cannot be closed, its incoming half has ended as well.
        let _ = ready!(socket.as_mut().poll_close(cx));
        while !self.ended {
            self.ended = !matches!(ready!(socket.as_mut().poll_next(cx)), Some(Ok(_)));
        }
        Poll::Ready(())
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}

impl<S, M, To, From> fmt::Debug for SinkStream<S, M, To, From> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkStream").finish_non_exhaustive()
    }
}

fn size(frame: &Frame) -> u64 {
    match frame {
        Frame::Text(bytes) | Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) => {
            bytes.len() as u64
        }
        Frame::Close(_) | Frame::UnknownClose(..) => 0,
    }
}
