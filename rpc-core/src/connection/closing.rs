//! How a connection ends: the closing handshake (RFC 6455 §7), bounded in time.

use std::task::{Context, Poll, ready};

use tokio::time::Instant;

use super::clock::after;
use super::core::Core;
use crate::close::{CloseFrame, CloseReason};
use crate::transport::{Frame, Transport, TransportError};

/// Where a connection is in its life.
pub(super) enum Phase {
    /// `close_by`: a close was asked for and goes out behind what is queued, at the latest then.
    Open {
        close_by: Option<Instant>,
    },
    /// Our close frame is on its way, the peer's has not come.
    AwaitingClose {
        reason: CloseReason,
        until: Instant,
    },
    /// Both close frames are out, or the peer's is not worth waiting for.
    ShuttingDown {
        reason: CloseReason,
        until: Instant,
    },
    Ended {
        reason: CloseReason,
    },
}

impl Phase {
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

/// Why a connection stops being open.
#[derive(Debug)]
pub(super) enum Ending {
    /// This side's application closes.
    Requested(CloseFrame),
    /// The peer closes; 1005 if it gave no code.
    Remote(u16, String),
    /// The peer broke a rule.
    Violation(CloseFrame),
    /// The connection is gone.
    Lost(String),
}

impl From<TransportError> for Ending {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Violation(frame) => Self::Violation(frame),
            TransportError::Lost(why) => Self::Lost(why),
        }
    }
}

impl<T: Transport> Core<T> {
    /// Ends every call in both directions at once, and starts the closing handshake.
    pub(super) fn begin_closing(&mut self, ending: Ending) {
        let until = match self.phase {
            Phase::Open { close_by: Some(close_by) } => close_by,
            _ => after(Instant::now(), self.shared.config.limits.close_timeout),
        };
        let (reason, phase): (_, fn(CloseReason, Instant) -> Phase) = match ending {
            Ending::Requested(frame) => {
                let reason = CloseReason::local(&frame);
                self.send_close(frame);
                (reason, |reason, until| Phase::AwaitingClose { reason, until })
            }
            Ending::Remote(code, reason) => {
                // The transport has answered with a close frame of its own.
                self.writer.touch();
                (CloseReason::remote(code, reason), |reason, until| Phase::ShuttingDown { reason, until })
            }
            Ending::Violation(frame) => {
                let reason = CloseReason::local(&frame);
                self.send_close(frame);
                (reason, |reason, until| Phase::ShuttingDown { reason, until })
            }
            Ending::Lost(why) => (CloseReason::lost(why), |reason, _| Phase::Ended { reason }),
        };
        self.serving.abandon(&self.shared);
        self.unread = None;
        self.shared.begin_end(reason.clone());
        self.phase = phase(reason, until);
    }

    fn send_close(&mut self, frame: CloseFrame) {
        // If it cannot be sent the connection is gone, which the next step finds.
        let _ = self.writer.frame(Frame::Close(Some(frame)));
    }

    /// Goes on with the closing handshake; ready when the connection has ended.
    pub(super) fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        loop {
            let (reason, until, awaiting) = match &self.phase {
                Phase::AwaitingClose { reason, until } => (reason.clone(), *until, true),
                Phase::ShuttingDown { reason, until } => (reason.clone(), *until, false),
                Phase::Ended { reason } => {
                    let reason = reason.clone();
                    self.meter_traffic();
                    self.shared.end(reason.clone());
                    return Poll::Ready(reason);
                }
                Phase::Open { .. } => return Poll::Pending,
            };
            let step = if awaiting { self.poll_peers_close(cx) } else { self.poll_shutdown(cx) };
            self.phase = match step {
                Poll::Ready(true) => {
                    Phase::ShuttingDown { reason: CloseReason { clean: true, ..reason }, until }
                }
                Poll::Ready(false) if awaiting => Phase::ShuttingDown { reason, until },
                Poll::Ready(false) => Phase::Ended { reason },
                Poll::Pending => {
                    let now = ready!(self.clock.poll_until(until, cx));
                    if now < until {
                        continue;
                    }
                    Phase::Ended { reason }
                }
            };
        }
    }

    /// Reads and drops until the peer's close frame comes; `true` if it did.
    fn poll_peers_close(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.writer.flush(cx).is_err() {
            return Poll::Ready(false);
        }
        loop {
            match ready!(self.writer.transport.poll_recv(cx)) {
                Some(Ok(Frame::Close(_) | Frame::UnknownClose(..))) => return Poll::Ready(true),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(false),
            }
        }
    }

    /// `false` once the stream beneath has ended.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.writer.flush(cx).is_ok() {
            if self.writer.is_blocked() {
                return Poll::Pending;
            }
            ready!(self.writer.transport.poll_shutdown(cx));
        }
        Poll::Ready(false)
    }
}
