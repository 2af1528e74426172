//! A pair of connected transports in memory, for tests of birpc and of applications.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::{Frame, Traffic, Transport, TransportError};

/// The number of bytes that one direction holds before [`Transport::poll_flush`] waits, as a socket's buffers
/// do.
const CAPACITY: usize = 256 << 10;

/// Creates two transports that are connected to each other.
#[must_use]
pub fn memory_pair() -> (MemoryTransport, MemoryTransport) {
    let (there, back) = (Pipe::default(), Pipe::default());
    let (there, back) = (Arc::new(Mutex::new(there)), Arc::new(Mutex::new(back)));
    let left = MemoryTransport::new(back.clone(), there.clone());
    (left, MemoryTransport::new(there, back))
}

/// One end of [`memory_pair`]. Dropping it has the effect of a cut cable.
pub struct MemoryTransport {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
    traffic: Traffic,
    close_sent: bool,
}

#[derive(Default)]
struct Pipe {
    frames: VecDeque<Frame>,
    bytes: usize,
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl MemoryTransport {
    fn new(incoming: Arc<Mutex<Pipe>>, outgoing: Arc<Mutex<Pipe>>) -> Self {
        Self { incoming, outgoing, traffic: Traffic::default(), close_sent: false }
    }
}

impl fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTransport").field("traffic", &self.traffic).finish_non_exhaustive()
    }
}

impl Transport for MemoryTransport {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, TransportError>>> {
        let mut pipe = lock(&self.incoming);
        let Some(frame) = pipe.frames.pop_front() else {
            if pipe.ended {
                return Poll::Ready(None);
            }
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        pipe.bytes -= size(&frame);
        let writer = if pipe.bytes <= CAPACITY { pipe.writer.take() } else { None };
        drop(pipe);
        if let Some(writer) = writer {
            writer.wake();
        }
        self.traffic.received += size(&frame) as u64;
        let answer = match &frame {
            Frame::Ping(payload) => Some(Frame::Pong(payload.clone())),
            Frame::Close(_) if !self.close_sent => Some(frame.clone()),
            _ => None,
        };
        // If the other end was dropped, the next read returns an error.
        let _ = answer.map_or(Ok(()), |answer| self.send(answer));
        Poll::Ready(Some(Ok(frame)))
    }

    fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        self.close_sent |= matches!(frame, Frame::Close(_));
        let mut pipe = lock(&self.outgoing);
        if pipe.ended {
            return Err(TransportError::Lost("the other end was dropped".into()));
        }
        pipe.bytes += size(&frame);
        self.traffic.sent += size(&frame) as u64;
        pipe.frames.push_back(frame);
        let reader = pipe.reader.take();
        drop(pipe);
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let mut pipe = lock(&self.outgoing);
        if pipe.bytes <= CAPACITY || pipe.ended {
            return Poll::Ready(Ok(()));
        }
        pipe.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }
}

impl Drop for MemoryTransport {
    fn drop(&mut self) {
        for pipe in [&self.incoming, &self.outgoing] {
            let mut pipe = lock(pipe);
            pipe.ended = true;
            let wakers = [pipe.reader.take(), pipe.writer.take()];
            drop(pipe);
            wakers.into_iter().flatten().for_each(Waker::wake);
        }
    }
}

fn size(frame: &Frame) -> usize {
    match frame {
        Frame::Text(bytes) | Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) => {
            bytes.len() + 2
        }
        Frame::Close(_) | Frame::UnknownClose(..) => 4,
    }
}

fn lock(pipe: &Mutex<Pipe>) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}
