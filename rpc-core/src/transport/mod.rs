//! The interface between a connection and what carries its frames. Only the module `websocket` uses a
//! WebSocket library. The in-memory pair is for tests. Other transports (other libraries, stdio) can be
//! added.

mod memory;
mod scanner;
mod sink_stream;
pub(crate) mod websocket;
mod wire;

use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use thiserror::Error;

use crate::close::CloseFrame;

pub use memory::{MemoryTransport, memory_pair};
pub use sink_stream::SinkStream;
pub use websocket::{Role, WebSocket};

/// One WebSocket frame, or a whole message whose fragments have been put together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// UTF-8 text. The transport checks incoming text.
    Text(Bytes),
    /// Bytes. A connection treats an incoming binary message as text.
    Binary(Bytes),
    /// Asks for a pong. Transports answer pings themselves.
    Ping(Bytes),
    /// Answers a ping.
    Pong(Bytes),
    /// One half of the closing handshake. Transports answer the peer's close frame themselves.
    Close(Option<CloseFrame>),
    /// The peer's close frame, with a code that must not be sent or that this side does not know.
    UnknownClose(u16, String),
}

impl Frame {
    /// Creates a frame for a close frame that was received, whether its code may be sent or not.
    #[must_use]
    pub fn closing(code: u16, reason: &str) -> Self {
        CloseFrame::new(code, reason)
            .map_or_else(|_| Self::UnknownClose(code, reason.to_owned()), |frame| Self::Close(Some(frame)))
    }
}

/// Why a transport ended, if not by a close frame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The peer broke a rule; the close frame to send has the code and the reason.
    #[error("the peer broke a rule of the transport: {} ({})", .0.reason(), .0.code())]
    Violation(CloseFrame),
    /// The connection is gone.
    #[error("the connection is lost: {0}")]
    Lost(String),
}

/// The number of bytes that went over the wire. Growth is a sign of life, even within a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Bytes received.
    pub received: u64,
    /// Bytes handed to the operating system.
    pub sent: u64,
}

impl Traffic {
    /// Creates a count of the bytes received and the bytes handed to the operating system.
    #[must_use]
    pub const fn new(received: u64, sent: u64) -> Self {
        Self { received, sent }
    }
}

/// A stream of frames in both directions. It belongs to one task and is never split.
///
/// Methods that are added to this trait later will have a default implementation, as
/// [`Transport::unfinished`] has. [`Frame`] may get further variants: a transport returns an error for a
/// frame that it cannot send.
pub trait Transport: Send + Unpin + 'static {
    /// Receives the next frame; `None` when the peer has ended its side.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, TransportError>>>;

    /// Takes a frame into the transport's buffer without waiting; [`Transport::poll_flush`] sends it.
    ///
    /// # Errors
    /// The transport cannot send any more.
    fn send(&mut self, frame: Frame) -> Result<(), TransportError>;

    /// Sends all frames that were taken. Pending while the peer does not read.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>>;

    /// Ends the stream beneath after both close frames, in the order that the role requires. What the peer
    /// still sends is dropped, so that it can read our close frame.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// How many bytes went over the wire.
    fn traffic(&self) -> Traffic;

    /// The number of bytes received of a message or control frame that is not complete yet;
    /// [`Traffic::received`] includes them. A peer that sends such bytes without completing a frame does not
    /// count as alive for ever ([`crate::Keepalive::timeout`]), and a message must be complete within a time
    /// limit ([`crate::Limits::message_timeout`]). Default: 0, for transports that receive whole messages.
    fn unfinished(&self) -> u64 {
        0
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, TransportError>>> {
        (**self).poll_recv(cx)
    }

    fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        (**self).send(frame)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        (**self).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_shutdown(cx)
    }

    fn traffic(&self) -> Traffic {
        (**self).traffic()
    }

    fn unfinished(&self) -> u64 {
        (**self).unfinished()
    }
}

/// Ends a transport that no [`crate::Connection`] runs: sends what it holds and `frame`, then ends the stream
/// beneath. Without a frame, the peer has sent its close frame already and the transport has answered it.
///
/// It waits for as long as the peer reads nothing and keeps its side open, so give it a time limit, such as
/// [`crate::Limits::close_timeout`].
///
/// # Cancel safety
/// Dropping the future leaves the stream as it is. Dropping the transport cuts it.
pub async fn close<T: Transport>(transport: &mut T, frame: Option<CloseFrame>) {
    if let Some(frame) = frame {
        // If the frame cannot be sent, the connection is gone, and flushing returns.
        let _ = transport.send(Frame::Close(Some(frame)));
    }
    if poll_fn(|cx| transport.poll_flush(cx)).await.is_ok() {
        poll_fn(|cx| transport.poll_shutdown(cx)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_error_says_what_happened() {
        let violation =
            CloseFrame::new(1002, "a masked frame").map(TransportError::Violation).expect("a code");
        assert_eq!(violation.to_string(), "the peer broke a rule of the transport: a masked frame (1002)");
        assert_eq!(TransportError::Lost("reset".into()).to_string(), "the connection is lost: reset");
    }

    #[tokio::test]
    async fn close_sends_the_frame_behind_what_is_held() {
        let (mut left, mut right) = memory_pair();
        let frame = CloseFrame::new(1007, "no UTF-8").expect("a sendable code");
        left.send(Frame::Text("last".into())).expect("room");
        close(&mut left, Some(frame.clone())).await;
        drop(left);

        let mut received = Vec::new();
        while let Some(next) = poll_fn(|cx| right.poll_recv(cx)).await {
            received.push(next.expect("a frame"));
        }
        assert_eq!(received, [Frame::Text("last".into()), Frame::Close(Some(frame))]);
    }
}
