//! Frames over any socket that is a `Stream` and a `Sink` of messages.

use std::collections::VecDeque;
use std::fmt::{self, Display};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream};

use super::{Frame, Progress, Transport, TransportError};
use crate::close::{CloseCode, CloseFrame};

/// What a message counts for beside its payload.
const OVERHEAD: u64 = 2;

/// A transport over a socket that is a `Stream` and a `Sink` of messages, as those of most frameworks are:
/// warp's, poem's, axum's, salvo's, those of other versions of tokio-tungstenite, and lines of text alike.
///
/// Two functions say what the socket's messages are. `to` makes a message of a [`Frame`], `from` a frame of a
/// message; each gives `None` for what the other side has no name for.
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
/// # What `to` and `from` have to do
/// - `to` needs a message for [`Frame::Text`], which is UTF-8. A connection sends no [`Frame::Binary`].
/// - A socket without pings (`to` gives `None` for [`Frame::Ping`]) needs [`Keepalive::off`]: a ping that is
///   never sent
///   is never answered.
/// - A socket without close frames (`to` gives `None` for [`Frame::Close`]) is closed instead, behind what
///   was sent
///   before. Its peer sees the end of the stream, 1006; this side ends when the peer's half ends, at the
///   latest after
///   [`Limits::close_timeout`].
/// - `from` makes [`Frame::closing`] of a close frame with a code, and `Frame::Close(None)` of one without.
///
/// # What the socket has to do
/// Answer pings and the peer's close frame by itself, as all that are built on tungstenite do; for others
/// there is
/// [`SinkStream::answering`]. Check that text is UTF-8, and messages for their size: a message past
/// [`Limits::max_message_in`] closes the connection, but it is in memory by then. Fragments are its own
/// matter ([`Limits::max_fragments`] is not looked at).
///
/// # What is lost
/// - An error of the socket is the end, as that of a connection that was cut (1006), and no close frame tells
///   the peer what it did
///   wrong, unless the socket sends one.
/// - A message counts as a sign of life when all of it is here, and as read by the peer when the socket takes
///   it: one that takes
///   longer than [`Keepalive`]'s or [`Limits::write_stall`]'s time ends the connection.
/// - Large messages are not split up, so a ping waits until they are through.
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
    /// What the socket is yet to take, with its size.
    waiting: VecDeque<(M, u64)>,
    progress: Progress,
    /// Whether pings and the peer's close are answered here.
    answers: bool,
    close_sent: bool,
    /// The socket has no close frames: behind what waits it is closed.
    closing: bool,
    /// Reading has come to its end, good or bad.
    ended: bool,
}

impl<S, M, E, To, From> SinkStream<S, M, To, From>
where
    S: Stream<Item = Result<M, E>> + Sink<M> + Unpin + Send + 'static,
    To: FnMut(Frame) -> Option<M> + Unpin + Send + 'static,
    From: FnMut(M) -> Option<Frame> + Unpin + Send + 'static,
{
    /// Takes over a socket whose handshake is done. `to` and `from` say what its messages are.
    pub fn new(socket: S, to: To, from: From) -> Self {
        Self {
            socket,
            to,
            from,
            waiting: VecDeque::new(),
            progress: Progress::default(),
            answers: false,
            close_sent: false,
            closing: false,
            ended: false,
        }
    }

    /// Answers pings, and the peer's close frame, for a socket that leaves them to who uses it.
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
    /// Notes a frame that has come, and queues the answer that is due.
    fn receive(&mut self, frame: &Frame) {
        let answer = match frame {
            Frame::Ping(payload) => Some(Frame::Pong(payload.clone())),
            Frame::Close(_) | Frame::UnknownClose(..) => {
                // The peer wants nothing more, and the socket may refuse it.
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
            // Text alone has to have a message.
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
            // Also one that is no frame is a sign of life.
            self.progress.received += OVERHEAD;
            if let Some(frame) = (self.from)(message) {
                self.progress.received += size(&frame);
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
                self.progress.sent += size;
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
        // If it cannot be closed, what comes in has ended too.
        let _ = ready!(socket.as_mut().poll_close(cx));
        while !self.ended {
            self.ended = !matches!(ready!(socket.as_mut().poll_next(cx)), Some(Ok(_)));
        }
        Poll::Ready(())
    }

    fn progress(&self) -> Progress {
        self.progress
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
