//! The state of a connection's end, as its handles see it, and what waits for the end.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use super::SharedState;
use crate::close::{CloseFrame, CloseReason, ConnectionState};

/// The state of a connection's life. Handles and the connection's task both read it from here.
pub(super) enum Life {
    Open,
    /// A close was requested, first with this frame, which is sent after everything that is queued.
    CloseRequested(CloseFrame),
    /// Nothing more can be sent.
    Ending(CloseReason),
    Ended(CloseReason),
}

impl Life {
    /// Requests a close. The first request counts.
    pub(super) fn request_close(&mut self, frame: CloseFrame) {
        if matches!(self, Self::Open) {
            *self = Self::CloseRequested(frame);
        }
    }

    /// The close that was requested, if it has not begun.
    pub(super) fn requested_close(&self) -> Option<&CloseFrame> {
        match self {
            Self::CloseRequested(frame) => Some(frame),
            Self::Open | Self::Ending(_) | Self::Ended(_) => None,
        }
    }

    /// Why nothing can be sent any more.
    pub(super) fn ending(&self) -> Option<&CloseReason> {
        match self {
            Self::Open | Self::CloseRequested(_) => None,
            Self::Ending(reason) | Self::Ended(reason) => Some(reason),
        }
    }

    /// Why the connection has ended.
    pub(super) fn ended(&self) -> Option<&CloseReason> {
        match self {
            Self::Open | Self::CloseRequested(_) | Self::Ending(_) => None,
            Self::Ended(reason) => Some(reason),
        }
    }

    pub(super) fn state(&self) -> ConnectionState {
        match self {
            Self::Open => ConnectionState::Open,
            Self::CloseRequested(_) | Self::Ending(_) => ConnectionState::Closing,
            Self::Ended(_) => ConnectionState::Closed,
        }
    }
}

/// The operations for code that depends on whether the connection ends.
#[derive(Clone, Copy)]
pub(crate) struct LifeSide<'a>(&'a SharedState);

impl<'a> LifeSide<'a> {
    pub(super) fn of(shared: &'a SharedState) -> Self {
        Self(shared)
    }

    pub(crate) fn is_ending(self) -> bool {
        self.0.state().life.ending().is_some()
    }

    /// Why the connection is ending or has ended.
    pub(crate) fn ending(self) -> Option<CloseReason> {
        self.0.state().life.ending().cloned()
    }

    /// Why the connection has ended, for code that knows that it has.
    pub(crate) fn why_ended(self) -> CloseReason {
        self.ending().unwrap_or_else(|| CloseReason::lost("the connection has ended"))
    }

    /// Waits until nothing more can be sent.
    pub(crate) async fn ending_begun(self) {
        let mut notified = pin!(self.0.on_ending.notified());
        let begun = |cx: &mut Context<'_>| match self.is_ending() {
            true => Poll::Ready(()),
            false => notified.as_mut().poll(cx),
        };
        poll_fn(begun).await;
    }

    /// Waits until the connection has ended, and returns the reason.
    pub(crate) async fn closed(self) -> CloseReason {
        loop {
            // Created before the check, so that an end between the two is not missed.
            let notified = self.0.on_closed.notified();
            if let Some(reason) = self.0.state().life.ended() {
                return reason.clone();
            }
            notified.await;
        }
    }
}
