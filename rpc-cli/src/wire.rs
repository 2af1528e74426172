//! The frames of a WebSocket without JSON-RPC, read and written by one task.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use birpc::CloseFrame;
use birpc::transport::{self, Frame, Transport, TransportError};
use bytes::Bytes;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// How long a close may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How often a peer that sends nothing is pinged. One that sends nothing for twice this time is gone.
const PING_EVERY: Duration = Duration::from_secs(20);

pub(crate) struct Wire {
    transport: Box<dyn Transport>,
    /// Whether frames wait to be sent.
    flushing: bool,
    pings: Interval,
    /// The bytes that had been received at the last ping, or when it was not needed.
    received: u64,
    pinged: bool,
}

/// What happens on a WebSocket.
#[derive(Debug)]
pub(crate) enum Event {
    Text(Bytes),
    Binary(Bytes),
    /// A ping or pong, or everything was sent.
    Nothing,
    /// The end.
    Ended(Ended),
}

/// How a WebSocket has ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By a close frame of the peer. The code is 1005 if it had none.
    Closed { code: u16, reason: String },
    /// Without a close frame, or by a violation, whose answer this is.
    Lost { why: String, answer: Option<CloseFrame> },
}

impl Wire {
    pub(crate) fn new(transport: impl Transport) -> Self {
        let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { transport: Box::new(transport), flushing: false, pings, received: 0, pinged: false }
    }

    /// Queues a frame. [`Wire::next`] sends it.
    pub(crate) fn send(&mut self, frame: Frame) -> Result<(), Ended> {
        self.flushing = true;
        self.transport.send(frame).map_err(Ended::of)
    }

    /// Whether everything was sent. Whoever sends only then keeps one frame at most in memory.
    pub(crate) fn has_sent_all(&self) -> bool {
        !self.flushing
    }

    /// The next event. Without `read` only what is queued is sent, and the peer has to wait.
    ///
    /// Cancel safe.
    pub(crate) async fn next(&mut self, read: bool) -> Event {
        poll_fn(|cx| {
            while self.pings.poll_tick(cx).is_ready() {
                if let Err(ended) = self.ping(read) {
                    return Poll::Ready(Event::Ended(ended));
                }
            }
            if self.flushing
                && let Poll::Ready(flushed) = self.transport.poll_flush(cx)
            {
                self.flushing = false;
                return Poll::Ready(
                    flushed.map_or_else(|error| Event::Ended(Ended::of(error)), |()| Event::Nothing),
                );
            }
            if !read {
                return Poll::Pending;
            }
            self.transport.poll_recv(cx).map(|frame| self.event(frame))
        })
        .await
    }

    fn event(&mut self, frame: Option<Result<Frame, TransportError>>) -> Event {
        match frame {
            Some(Ok(Frame::Text(text))) => Event::Text(text),
            Some(Ok(Frame::Binary(bytes))) => Event::Binary(bytes),
            Some(Ok(Frame::Close(None))) => Event::Ended(Ended::Closed { code: 1005, reason: String::new() }),
            Some(Ok(Frame::Close(Some(close)))) => {
                Event::Ended(Ended::Closed { code: close.code().get(), reason: close.reason().to_owned() })
            }
            Some(Ok(Frame::UnknownClose(code, reason))) => Event::Ended(Ended::Closed { code, reason }),
            Some(Ok(_)) => {
                // The transport has queued a pong, or other frames exist that mean nothing here.
                self.flushing = true;
                Event::Nothing
            }
            Some(Err(error)) => Event::Ended(Ended::of(error)),
            None => Event::Ended(Ended::Lost { why: "it ended without a close frame".into(), answer: None }),
        }
    }

    /// Pings a peer from which nothing has come. While nothing is read, that says nothing of the peer.
    fn ping(&mut self, read: bool) -> Result<(), Ended> {
        let received = self.transport.traffic().received;
        if self.received != received || !read {
            (self.received, self.pinged) = (received, false);
            return Ok(());
        }
        if std::mem::replace(&mut self.pinged, true) {
            return Err(Ended::Lost { why: "nothing was received, not even a pong".into(), answer: None });
        }
        self.send(Frame::Ping(Bytes::new()))
    }

    /// Closes the WebSocket, behind what is queued. If the peer has closed it, `frame` is `None`.
    pub(crate) async fn close(mut self, frame: Option<CloseFrame>) {
        // A peer that takes longer is cut off.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, transport::close(&mut self.transport, frame)).await;
    }
}

impl Ended {
    fn of(error: TransportError) -> Self {
        let why = error.to_string();
        match error {
            TransportError::Violation(answer) => Self::Lost { why, answer: Some(answer) },
            _ => Self::Lost { why, answer: None },
        }
    }
}
