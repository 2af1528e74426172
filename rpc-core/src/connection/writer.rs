//! The transport and its state: frames are passed to it one by one, and flushed once a turn.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::wire_log::WireLog;
use crate::inspect::Inspected;
use crate::redact::Direction;
use crate::shared_state::SharedState;
use crate::transport::{Frame, Traffic, Transport, TransportError};

/// More than this does not wait for the end of the turn.
const FLUSH_AT: usize = 64 << 10;

pub(super) struct Writer<T> {
    transport: T,
    connection: u64,
    log: WireLog,
    inspected: Inspected,
    unflushed: usize,
    /// The transport may hold something that has not been sent.
    dirty: bool,
    /// The peer reads too slowly: nothing is passed to the transport until it has been flushed.
    blocked: bool,
}

impl<T: Transport> Writer<T> {
    pub(super) fn new(transport: T, shared: &SharedState) -> Self {
        let (connection, inspected) = (shared.id(), shared.inspected().clone());
        let log = WireLog::default();
        Self { transport, connection, log, inspected, unflushed: 0, dirty: false, blocked: false }
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The number of bytes that the transport holds.
    pub(super) fn unflushed(&self) -> usize {
        self.unflushed
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.transport.traffic()
    }

    /// The bytes of the incomplete message.
    pub(super) fn unfinished(&self) -> u64 {
        self.transport.unfinished()
    }

    pub(super) fn text(&mut self, text: Bytes, cx: &mut Context<'_>) -> Result<(), TransportError> {
        self.unflushed += text.len();
        self.frame(Frame::Text(text))?;
        if self.unflushed >= FLUSH_AT { self.flush(cx) } else { Ok(()) }
    }

    pub(super) fn frame(&mut self, frame: Frame) -> Result<(), TransportError> {
        self.dirty = true;
        self.watch(Direction::Sent, &frame);
        self.transport.send(frame)
    }

    #[inline(always)] // nothing but a call, for each message
    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, TransportError>>> {
        let polled = self.transport.poll_recv(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.watch(Direction::Received, frame);
        }
        polled
    }

    /// Shows a frame to the log and to those who inspect the connection.
    #[inline(always)] // nothing but the looks whether there are any, for each message
    fn watch(&mut self, direction: Direction, frame: &Frame) {
        self.log.frame(self.connection, direction, frame);
        self.inspected.frame(self.connection, direction, frame);
    }

    /// Records that the transport itself has something to send, such as a pong.
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

    /// Ready when the stream beneath has ended.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.flush(cx) {
            Ok(()) if self.blocked => Poll::Pending,
            Ok(()) => self.transport.poll_shutdown(cx),
            Err(_) => Poll::Ready(()),
        }
    }
}
