//! The byte stream beneath a WebSocket, with what is still to be written, and with what is counted there: bytes,
//! where half a frame is seen too, and the fragments of its messages.

use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Progress;
use super::scanner::FrameScanner;

/// Room for the frames of most turns, so that the buffer need not grow with each; small enough for the allocator's
/// fastest way.
const FIRST_ROOM: usize = 1000;

/// Payloads of so many bytes are not copied to be written.
const LARGE: usize = 16 << 10;

pub(super) struct Wire<S> {
    pub(super) stream: S,
    pub(super) progress: Progress,
    pub(super) scanner: FrameScanner,
    /// What is to be written. It has no memory while there is nothing.
    out: Vec<u8>,
    /// How much of it has been.
    sent: usize,
    /// A large payload that is to be written behind it, and is not copied for that.
    tail: Bytes,
}

impl<S> Wire<S> {
    /// `read` are bytes that are here already.
    pub(super) fn new(stream: S, read: &[u8], max_fragments: usize) -> Self {
        let mut scanner = FrameScanner::new(max_fragments);
        // More than the limit among the first bytes shows with the next.
        let _ = scanner.scan(read);
        let progress = Progress { received: read.len() as u64, sent: 0 };
        Self { stream, progress, scanner, out: Vec::new(), sent: 0, tail: Bytes::new() }
    }

    /// Where to put what the next flush writes.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        if self.out.capacity() == 0 {
            self.out.reserve(FIRST_ROOM);
        }
        self.out.extend_from_slice(&std::mem::take(&mut self.tail));
        &mut self.out
    }

    /// Puts a payload behind what is to be written.
    pub(super) fn put(&mut self, payload: Bytes) {
        let out = self.out();
        if payload.len() < LARGE {
            out.extend_from_slice(&payload);
        } else {
            self.tail = payload;
        }
    }

    /// Bytes that the buffer takes, used or not.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.out.capacity() + self.tail.len()
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let received = &buf.filled()[before..];
        self.progress.received += received.len() as u64;
        Poll::Ready(self.scanner.scan(received).map_err(io::Error::other))
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() || !self.tail.is_empty() {
            let parts = [&self.out[self.sent..], &self.tail].map(IoSlice::new);
            let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &parts))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_out = written.min(self.out.len() - self.sent);
            self.sent += of_out;
            self.tail.advance(written - of_out);
            self.progress.sent += written as u64;
        }
        (self.out, self.sent, self.tail) = (Vec::new(), 0, Bytes::new());
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}

/// The wire as a library sees it that knows nothing of tasks: a read that would have to wait is
/// [`io::ErrorKind::WouldBlock`], and what it writes waits for [`Wire::poll_flush`].
pub(super) struct Blocking<'a, 'w, S> {
    pub(super) wire: &'a mut Wire<S>,
    /// Who is woken when there is something to read; `None` where nothing is to be read.
    pub(super) cx: Option<&'a mut Context<'w>>,
    /// Was read before, and comes first.
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
