//! The transport seam: frames in, frames out. The module `websocket` is the only one that names a
//! WebSocket library; the in-memory pair is for tests. Further ones (other libraries, stdio) fit too.

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

/// One WebSocket frame's worth, or a whole message that came in several.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// UTF-8 text, checked by the transport when it comes in.
    Text(Bytes),
    /// Bytes; on the way in they are taken for text.
    Binary(Bytes),
    /// Asks for a pong. Transports answer by themselves.
    Ping(Bytes),
    /// Answers a ping.
    Pong(Bytes),
    /// The closing handshake's half. Transports answer the peer's by themselves.
    Close(Option<CloseFrame>),
    /// The peer's close frame with a code that nobody may send, or that this side does not know.
    UnknownClose(u16, String),
}

impl Frame {
    /// A close frame as a peer has sent it, with a code that may be sent or not.
    #[must_use]
    pub fn closing(code: u16, reason: &str) -> Self {
        CloseFrame::new(code, reason)
            .map_or_else(|_| Self::UnknownClose(code, reason.to_owned()), |frame| Self::Close(Some(frame)))
    }
}

/// What ends a transport other than a close frame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The peer broke a rule; the close frame to send says which.
    #[error("the peer broke a rule of the transport: {} ({})", .0.reason(), .0.code())]
    Violation(CloseFrame),
    /// The connection is gone.
    #[error("the connection is lost: {0}")]
    Lost(String),
}

/// Bytes that went over the wire in all: growth is life, whole frame or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Received.
    pub received: u64,
    /// Handed to the operating system.
    pub sent: u64,
}

impl Progress {
    /// So many bytes received, and so many handed to the operating system.
    #[must_use]
    pub const fn new(received: u64, sent: u64) -> Self {
        Self { received, sent }
    }
}

/// A stream of frames both ways. It belongs to one task and is never split.
///
/// Methods that are added to it later come with an implementation, as [`Transport::unfinished`] does. A frame
/// of a kind that a transport does not know ([`Frame`] may grow) it refuses with an error.
pub trait Transport: Send + Unpin + 'static {
    /// The next frame; `None` when the peer's side has ended.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, TransportError>>>;

    /// Takes a frame into the transport's own buffer, without waiting; [`Transport::poll_flush`] sends it.
    ///
    /// # Errors
    /// The transport cannot send any more.
    fn send(&mut self, frame: Frame) -> Result<(), TransportError>;

    /// Sends what was taken; pending while the peer does not read.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>>;

    /// Ends the stream beneath, in the order that the role asks for, after both close frames. What still
    /// comes in is dropped, so that the peer can read our close frame.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// How much went over the wire.
    fn progress(&self) -> Progress;

    /// Bytes that have come of a message, or of a control frame, whose end has not; they are among
    /// [`Progress::received`]. A connection does not take a peer for alive that sends these without getting
    /// on ([`crate::Keepalive::timeout`]), and bounds the time that a message takes
    /// ([`crate::Limits::message_timeout`]). Default: 0, for a transport that receives whole messages.
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

    fn progress(&self) -> Progress {
        (**self).progress()
    }

    fn unfinished(&self) -> u64 {
        (**self).unfinished()
    }
}

/// Ends a transport that no [`crate::Connection`] runs: sends what it holds and `frame`, then ends the stream
/// beneath. Without a frame the peer's own close frame has come, and the transport has answered it.
///
/// It waits as long as the peer reads nothing and leaves its side open: give it a time limit, such as
/// [`crate::Limits::close_timeout`].
///
/// # Cancel safety
/// Dropping the future leaves the stream as it is; dropping the transport cuts it.
pub async fn close<T: Transport>(transport: &mut T, frame: Option<CloseFrame>) {
    if let Some(frame) = frame {
        // If it cannot be sent the connection is gone, which flushing finds.
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
        let frame = CloseFrame::new(1007, "no UTF-8").expect("it may be sent");
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
