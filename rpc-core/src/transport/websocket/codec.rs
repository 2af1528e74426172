//! What a WebSocket holds while a frame is half here, or its closing handshake under way: tungstenite's state, and
//! its buffer for reading.

use std::io::{self, Read, Write};
use std::task::Poll;

use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

/// The least that one read may take: tungstenite zero-fills as much before each. So small, the allocator gives it in
/// its fastest way.
const SMALLEST_READ: usize = 1000;

/// The most that one read may take: where a large message is on its way.
const LARGEST_READ: usize = 64 << 10;

pub(super) struct Codec {
    context: WebSocketContext,
    /// All messages that have come whole have been handed out, and those that it answers itself are answered.
    drained: bool,
}

impl Codec {
    /// A codec whose peer is about to send so many bytes.
    pub(super) fn new(role: Role, config: WebSocketConfig, expected: usize) -> Self {
        let config = config.read_buffer_size(expected.clamp(SMALLEST_READ, LARGEST_READ));
        Self { context: WebSocketContext::new(role, Some(config)), drained: true }
    }

    /// A codec that goes on with bytes that are here already.
    pub(super) fn behind(read: Vec<u8>, role: Role, config: WebSocketConfig) -> Self {
        let config = config.read_buffer_size(SMALLEST_READ);
        Self { context: WebSocketContext::from_partially_read(read, role, Some(config)), drained: false }
    }

    /// Whether neither side has sent its close frame.
    pub(super) fn is_open(&self) -> bool {
        self.context.can_write()
    }

    /// Whether a fresh one would go on as this one does, provided that what came were whole messages.
    pub(super) fn is_spare(&self) -> bool {
        self.drained && self.is_open()
    }

    /// The next message, answered where it needs no more than that.
    pub(super) fn poll_read<S: Read + Write>(&mut self, mut stream: S) -> Poll<Result<Message, Error>> {
        match self.context.read(&mut stream) {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.drained = true;
                Poll::Pending
            }
            read => {
                self.drained = false;
                Poll::Ready(read)
            }
        }
    }

    pub(super) fn write<S: Read + Write>(&mut self, mut stream: S, message: Message) -> Result<(), Error> {
        self.context.write(&mut stream, message)
    }

    /// Writes what is due: the answer to the last message that [`Codec::poll_read`] gave.
    pub(super) fn flush<S: Read + Write>(&mut self, mut stream: S) -> Result<(), Error> {
        self.context.flush(&mut stream)
    }
}
