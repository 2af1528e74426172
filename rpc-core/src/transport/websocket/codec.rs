//! What a WebSocket holds while a frame is half here, or its closing handshake under way: tungstenite's
//! state, and its buffer for reading.

use std::io::{self, Read, Write};
use std::task::Poll;

use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

/// What each read takes where little is expected: tungstenite zero-fills as much before it. So small, the
/// allocator gives it in its fastest way.
const SMALLEST_READ: usize = 1000;

/// What each read takes where much is: a large message is on its way.
pub(super) const LARGEST_READ: usize = 64 << 10;

pub(super) struct Codec {
    context: WebSocketContext,
    /// The message that it gave last, a ping or close, has an answer that it will write with the next read or
    /// flush.
    owes: bool,
}

impl Codec {
    /// A codec whose peer is about to send so many bytes.
    pub(super) fn new(role: Role, config: WebSocketConfig, expected: usize) -> Self {
        let config = config.read_buffer_size(expected.clamp(SMALLEST_READ, LARGEST_READ));
        Self { context: WebSocketContext::new(role, Some(config)), owes: false }
    }

    /// Whether neither side has sent its close frame.
    pub(super) fn is_open(&self) -> bool {
        self.context.can_write()
    }

    /// Whether a fresh one would go on as this one does, provided that what came were whole messages, and all
    /// of them were given.
    pub(super) fn is_spare(&self) -> bool {
        !self.owes && self.is_open()
    }

    /// Gives the next message. Pings and the peer's close are answered with the next read or flush.
    pub(super) fn poll_read<S: Read + Write>(&mut self, mut stream: S) -> Poll<Result<Message, Error>> {
        match self.context.read(&mut stream) {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.owes = false;
                Poll::Pending
            }
            read => {
                self.owes = read.as_ref().is_ok_and(|message| message.is_ping() || message.is_close());
                Poll::Ready(read)
            }
        }
    }

    pub(super) fn write<S: Read + Write>(&mut self, mut stream: S, message: Message) -> Result<(), Error> {
        self.context.write(&mut stream, message)
    }

    /// Writes what is due: the answer to the last message that [`Codec::poll_read`] gave.
    pub(super) fn flush<S: Read + Write>(&mut self, mut stream: S) -> Result<(), Error> {
        self.context.flush(&mut stream)?;
        self.owes = false;
        Ok(())
    }
}
