//! The closing handshake (RFC 6455 §7), bounded in time.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::clock::{Clock, after};
use super::ending::Ending;
use super::outbound::Outbound;
use crate::close::CloseReason;
use crate::transport::{Frame, Transport};

/// How far a connection has come with its end. Why it ends is in [`crate::shared_state::SharedState`].
pub(super) struct Closing {
    phase: Phase,
    /// When the connection ends at the latest. Set while it is open already, once a close was requested that
    /// waits for what is queued.
    until: Option<Instant>,
    /// Whether both close frames were seen.
    clean: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Our close frame is on its way, the peer's has not come.
    AwaitingClose,
    /// Both close frames are out, or the peer's is not worth waiting for.
    ShuttingDown,
    Ended,
}

impl Closing {
    /// Of a connection that is open.
    pub(super) fn new() -> Self {
        Self { phase: Phase::Open, until: None, clean: false }
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// When a close that was requested goes out at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// A close was requested, and may take so long; the first request counts.
    pub(super) fn request(&mut self, timeout: Duration) {
        self.until.get_or_insert_with(|| after(Instant::now(), timeout));
    }

    /// Starts the closing handshake; gives the reason of the end.
    pub(super) fn begin<T: Transport>(
        &mut self,
        ending: Ending,
        timeout: Duration,
        outbound: &mut Outbound<T>,
    ) -> CloseReason {
        self.request(timeout);
        let (phase, reason, frame) = match ending {
            Ending::Requested(frame) => (Phase::AwaitingClose, CloseReason::local(&frame), Some(frame)),
            Ending::Violation(frame) => (Phase::ShuttingDown, CloseReason::local(&frame), Some(frame)),
            Ending::Remote(code, reason) => {
                // The transport has answered with a close frame of its own.
                outbound.note_unflushed();
                (Phase::ShuttingDown, CloseReason::remote(code, reason), None)
            }
            Ending::Lost(why) => (Phase::Ended, CloseReason::lost(why), None),
        };
        if let Some(frame) = frame {
            // If it cannot be sent the connection is gone, which the next step finds.
            let _ = outbound.send_frame(Frame::Close(Some(frame)));
        }
        self.phase = phase;
        reason
    }

    /// Goes on with the closing handshake. When the connection has ended: whether both close frames were
    /// seen.
    pub(super) fn poll<T: Transport>(
        &mut self,
        outbound: &mut Outbound<T>,
        clock: &mut Clock,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        loop {
            let (step, next) = match self.phase {
                Phase::Open => return Poll::Pending,
                Phase::Ended => return Poll::Ready(self.clean),
                Phase::AwaitingClose => (poll_peers_close(outbound, cx), Phase::ShuttingDown),
                Phase::ShuttingDown => (outbound.poll_shutdown(cx).map(|()| false), Phase::Ended),
            };
            match step {
                Poll::Ready(clean) => {
                    self.clean |= clean;
                    self.phase = next;
                }
                Poll::Pending => {
                    let Some(until) = self.until else { return Poll::Pending };
                    if ready!(clock.poll_until(until, cx)) >= until {
                        self.phase = Phase::Ended;
                    }
                }
            }
        }
    }
}

/// Reads and drops until the peer's close frame comes; `true` if it did.
fn poll_peers_close<T: Transport>(outbound: &mut Outbound<T>, cx: &mut Context<'_>) -> Poll<bool> {
    if outbound.flush(cx).is_err() {
        return Poll::Ready(false);
    }
    loop {
        match ready!(outbound.poll_recv(cx)) {
            Some(Ok(Frame::Close(_) | Frame::UnknownClose(..))) => return Poll::Ready(true),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Poll::Ready(false),
        }
    }
}
