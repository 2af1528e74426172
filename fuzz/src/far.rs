//! The peer: it writes the fuzzer's bytes, and checks what it receives.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::frames::Checker;

pub(crate) struct Far {
    stream: DuplexStream,
    unsent: Vec<u8>,
    /// Whether it reads.
    pub(crate) reads: bool,
    checker: Checker,
}

impl Far {
    pub(crate) fn new(stream: DuplexStream, checker: Checker) -> Self {
        Self { stream, unsent: Vec::new(), reads: true, checker }
    }

    /// The bytes to be written next, as far as there is room.
    pub(crate) fn outgoing(&mut self) -> &mut Vec<u8> {
        &mut self.unsent
    }

    /// The number of bytes received.
    pub(crate) fn received(&self) -> usize {
        self.checker.received
    }

    /// Disconnects without a close frame.
    pub(crate) fn cut(&mut self) {
        self.stream = tokio::io::duplex(1).0;
    }

    /// Writes and reads what is possible now. Returns whether anything was.
    pub(crate) async fn pump(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.poll_write(cx) | (self.reads && self.poll_read(cx).0))).await
    }

    /// Writes the rest, and reads until birpc's side has ended.
    pub(crate) async fn read_to_end(&mut self) {
        poll_fn(|cx| {
            self.poll_write(cx);
            match self.poll_read(cx) {
                (_, true) => Poll::Ready(()),
                _ => Poll::Pending,
            }
        })
        .await;
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        let mut wrote = false;
        while !self.unsent.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.unsent) {
                Poll::Ready(Ok(bytes)) => drop(self.unsent.drain(..bytes)),
                // The other end is gone.
                Poll::Ready(Err(_)) => self.unsent.clear(),
                Poll::Pending => break,
            }
            wrote = true;
        }
        wrote
    }

    /// Whether anything was received, and whether it was the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> (bool, bool) {
        let mut came = false;
        loop {
            let mut space = [0; 4096];
            let mut read = ReadBuf::new(&mut space);
            match Pin::new(&mut self.stream).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if !read.filled().is_empty() => self.checker.take(read.filled()),
                Poll::Ready(_) => return (came, true),
                Poll::Pending => return (came, false),
            }
            came = true;
        }
    }
}
