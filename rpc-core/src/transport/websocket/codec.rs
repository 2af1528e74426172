//! The state that a WebSocket has while a frame is incomplete or its closing handshake is in progress:
//! tungstenite's state and its read buffer.

use std::io::{self, Read, Write};
use std::task::Poll;

use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

/// The size of a read when little is expected: tungstenite fills as many bytes with zeros before each read.
/// Buffers of this size come from the allocator's fast path.
const SMALLEST_READ: usize = 1000;

/// The size of a read when much is expected, since a large message is arriving.
pub(super) const LARGEST_READ: usize = 64 << 10;

pub(super) struct Codec {
    context: WebSocketContext,
    /// Whether the last message was a ping or close whose answer goes out with the next read or flush.
    owes: bool,
}

impl Codec {
    /// Creates a codec for a peer that is about to send `expected` bytes.
    pub(super) fn new(role: Role, config: WebSocketConfig, expected: usize) -> Self {
        let config = config.read_buffer_size(expected.clamp(SMALLEST_READ, LARGEST_READ));
        Self { context: WebSocketContext::new(role, Some(config)), owes: false }
    }

    /// Whether neither side has sent its close frame.
    pub(super) fn is_open(&self) -> bool {
        self.context.can_write()
    }

    /// Whether a new codec could take this one's place, provided that all messages so far were complete and
    /// have been returned.
    pub(super) fn is_spare(&self) -> bool {
        !self.owes && self.is_open()
    }

    /// Returns the next message. Answers to pings and to the peer's close frame go out with the next read or
    /// flush.
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

    /// Writes the answer to the last message that [`Codec::poll_read`] returned, if it needs one.
    pub(super) fn flush<S: Read + Write>(&mut self, mut stream: S) -> Result<(), Error> {
        self.context.flush(&mut stream)?;
        self.owes = false;
        Ok(())
    }
}
