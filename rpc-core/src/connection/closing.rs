//! The closing handshake (RFC 6455 §7), with a time limit.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::clock::Clock;
use super::ending::Ending;
use super::instant::after;
use super::outbound::Outbound;
use crate::close::CloseReason;
use crate::transport::{Frame, Transport};

/// How far the end of a connection has come. The reason is in [`crate::shared_state::SharedState`].
pub(super) struct Closing {
    phase: Phase,
    /// When the connection ends at the latest. It is set while the connection is still open if a requested
    /// close waits for queued messages.
    until: Option<Instant>,
    /// Whether both close frames have been exchanged.
    clean: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Our close frame has been sent, the peer's has not arrived.
    AwaitingClose,
    /// Both close frames have been sent, or the peer's is not waited for.
    ShuttingDown,
    Ended,
}

impl Closing {
    /// The state of an open connection.
    pub(super) fn new() -> Self {
        Self { phase: Phase::Open, until: None, clean: false }
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// When a requested close is carried out at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// Records a requested close, which may take this long. The first request counts.
    pub(super) fn request(&mut self, timeout: Duration) {
        self.until.get_or_insert_with(|| after(Instant::now(), timeout));
    }

    /// Starts the closing handshake. Returns the reason of the end.
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
                // The transport has queued its own close frame as the answer.
                outbound.note_unflushed();
                (Phase::ShuttingDown, CloseReason::remote(code, reason), None)
            }
            Ending::Lost(why) => (Phase::Ended, CloseReason::lost(why), None),
        };
        if let Some(frame) = frame {
            // If the frame cannot be sent, the connection is gone, and the next step notices that.
            let _ = outbound.send_frame(Frame::Close(Some(frame)));
        }
        self.phase = phase;
        reason
    }

    /// Continues the closing handshake. Ready when the connection has ended, with whether both close frames
    /// were exchanged.
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

/// Reads and drops frames until the peer's close frame arrives; `true` if it did.
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
