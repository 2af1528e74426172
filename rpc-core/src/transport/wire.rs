//! The byte stream beneath a WebSocket. It holds the bytes that are still to be written and the beginning of
//! a large frame of which little has arrived. It counts bytes, also within a frame, and the fragments of
//! messages.

use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Traffic;
use super::scanner::FrameScanner;
use crate::config::Limits;

/// The initial size of the write buffer: enough for the frames of most turns, and small enough for the
/// allocator's fast path.
const FIRST_ROOM: usize = 1000;

/// Payloads of at least this size are written without being copied.
const LARGE: usize = 16 << 10;

/// How much is read at once of a frame that is held back: as much as has arrived of it, within these bounds.
const SMALLEST_PIECE: usize = 1000;
const LARGEST_PIECE: usize = 64 << 10;

pub(super) struct Wire<S> {
    pub(super) stream: S,
    pub(super) traffic: Traffic,
    pub(super) scanner: FrameScanner,
    max_payload: usize,
    /// Bytes that have arrived but have not been passed on: bytes up to `free`, of which `given` have been
    /// passed on, and then the beginning of a large frame of which little has arrived. So memory grows with
    /// what has arrived, not with the length that a header announces.
    held: Vec<u8>,
    given: usize,
    free: usize,
    /// The bytes to be written. It has no memory while it is empty.
    out: Vec<u8>,
    /// How many of them have been written.
    sent: usize,
    /// A large payload to be written after them without being copied.
    tail: Bytes,
}

impl<S> Wire<S> {
    /// `read` are bytes that have arrived already.
    pub(super) fn new(stream: S, read: Vec<u8>, limits: &Limits) -> Self {
        let mut scanner = FrameScanner::new(limits.max_fragments);
        // If the limit is exceeded among these bytes, the next scan reports it.
        let _ = scanner.scan(&read);
        Self {
            stream,
            traffic: Traffic { received: read.len() as u64, sent: 0 },
            max_payload: limits.max_message_in,
            free: read.len() - scanner.held_back(read.len(), limits.max_message_in),
            scanner,
            held: read,
            given: 0,
            out: Vec::new(),
            sent: 0,
            tail: Bytes::new(),
        }
    }

    /// The buffer that the next flush writes.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        if self.out.capacity() == 0 {
            self.out.reserve(FIRST_ROOM);
        }
        self.out.extend_from_slice(&std::mem::take(&mut self.tail));
        &mut self.out
    }

    /// Appends a payload to what is to be written.
    pub(super) fn put(&mut self, payload: Bytes) {
        let out = self.out();
        if payload.len() < LARGE {
            out.extend_from_slice(&payload);
        } else {
            self.tail = payload;
        }
    }

    /// The size of the buffers, used or not.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.out.capacity() + self.tail.len() + self.held.capacity()
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.held.is_empty() {
            return self.poll_held(cx, buf);
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let received = &buf.filled()[before..];
        self.traffic.received += received.len() as u64;
        self.scanner.scan(received).map_err(io::Error::other)?;
        let back = self.scanner.held_back(received.len(), self.max_payload);
        if back == 0 {
            return Poll::Ready(Ok(()));
        }
        let end = buf.filled().len() - back;
        self.held.extend_from_slice(&buf.filled()[end..]);
        buf.set_filled(end);
        if end > before { Poll::Ready(Ok(())) } else { self.poll_held(cx, buf) }
    }

    /// Passes on bytes that are held and free. If there are none, reads more of the frame that is held back
    /// until enough of it has arrived or its sender has ended.
    fn poll_held(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.given == self.free {
            self.held.drain(..self.given);
            (self.given, self.free) = (0, 0);
        }
        while self.free == 0 {
            let had = self.held.len();
            let more = had.clamp(SMALLEST_PIECE, LARGEST_PIECE).min(self.scanner.expected());
            self.held.resize(had + more, 0);
            let mut read = ReadBuf::new(&mut self.held[had..]);
            let polled = Pin::new(&mut self.stream).poll_read(cx, &mut read);
            let count = read.filled().len();
            self.held.truncate(had + count);
            ready!(polled)?;
            self.traffic.received += count as u64;
            self.scanner.scan(&self.held[had..]).map_err(io::Error::other)?;
            if count == 0 || self.scanner.held_back(count, self.max_payload) == 0 {
                self.free = self.held.len();
            }
        }
        let end = self.free.min(self.given + buf.remaining());
        buf.put_slice(&self.held[self.given..end]);
        self.given = end;
        if end == self.held.len() {
            (self.held, self.given, self.free) = (Vec::new(), 0, 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() || !self.tail.is_empty() {
            let (out, stream) = (&self.out[self.sent..], Pin::new(&mut self.stream));
            // There is usually one piece, for which a plain write is cheaper.
            let written = ready!(match (out, &*self.tail) {
                (one, []) | ([], one) => stream.poll_write(cx, one),
                (out, tail) => stream.poll_write_vectored(cx, &[out, tail].map(IoSlice::new)),
            })?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_out = written.min(self.out.len() - self.sent);
            self.sent += of_out;
            self.tail.advance(written - of_out);
            self.traffic.sent += written as u64;
        }
        (self.out, self.sent, self.tail) = (Vec::new(), 0, Bytes::new());
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}

/// The wire for a library that does not know tasks: a read that would wait returns
/// [`io::ErrorKind::WouldBlock`], and written bytes wait for [`Wire::poll_flush`].
pub(super) struct Blocking<'a, 'w, S> {
    pub(super) wire: &'a mut Wire<S>,
    /// The task to wake when there is something to read; `None` if nothing is to be read.
    pub(super) cx: Option<&'a mut Context<'w>>,
    /// Bytes that were read before; they come first.
    pub(super) first: &'a [u8],
}

impl<S: AsyncRead + Unpin> Read for Blocking<'_, '_, S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.first.is_empty() {
            return self.first.read(buf);
        }
        let mut buf = ReadBuf::new(buf);
        match self.cx.as_mut().map(|cx| self.wire.poll_read(cx, &mut buf)) {
            Some(Poll::Ready(read)) => read.map(|()| buf.filled().len()),
            Some(Poll::Pending) | None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S> Write for Blocking<'_, '_, S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.wire.out().extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
