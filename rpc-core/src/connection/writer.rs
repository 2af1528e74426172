//! Frames to the transport, flushed once a turn.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::wire_log::WireLog;
use crate::transport::{Frame, Transport, TransportError};

/// More than this is not left for the turn's end.
const FLUSH_AT: usize = 64 << 10;

pub(super) struct Writer<T> {
    pub(super) transport: T,
    connection: u64,
    log: WireLog,
    unflushed: usize,
    /// The transport may hold something that is not on the wire.
    dirty: bool,
    /// The peer does not read fast enough: nothing is given to the transport until it has flushed.
    blocked: bool,
}

impl<T: Transport> Writer<T> {
    pub(super) fn new(transport: T, connection: u64) -> Self {
        Self { transport, connection, log: WireLog::default(), unflushed: 0, dirty: false, blocked: false }
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Bytes that the transport holds.
    pub(super) fn unflushed(&self) -> usize {
        self.unflushed
    }

    pub(super) fn text(&mut self, text: Bytes, cx: &mut Context<'_>) -> Result<(), TransportError> {
        self.unflushed += text.len();
        self.frame(Frame::Text(text))?;
        if self.unflushed >= FLUSH_AT { self.flush(cx) } else { Ok(()) }
    }

    pub(super) fn frame(&mut self, frame: Frame) -> Result<(), TransportError> {
        self.dirty = true;
        self.log.sent(self.connection, &frame);
        self.transport.send(frame)
    }

    /// Tells the log of a frame that has come.
    pub(super) fn note_received(&mut self, frame: &Frame) {
        self.log.received(self.connection, frame);
    }

    /// Notes that the transport has something of its own to send, such as a pong.
    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), TransportError> {
        if !self.dirty {
            return Ok(());
        }
        match self.transport.poll_flush(cx) {
            Poll::Ready(flushed) => {
                flushed?;
                self.unflushed = 0;
                self.dirty = false;
                self.blocked = false;
            }
            Poll::Pending => self.blocked = true,
        }
        Ok(())
    }
}
