//! The state of a call, from its request to its end on a connection.

use std::sync::Arc;

use super::attempts::{Attempts, Entered, Opened, Stopped};
use super::call_handle::Target;
use super::layer::Layered;
use crate::message::{EncodeError, RequestText};
use crate::observe::{End, Observed};
use crate::shared_state::{SharedState, Ticket};

pub(super) enum CallState {
    New(Result<RequestText, EncodeError>),
    /// The client has no connection.
    Down(RequestText),
    /// The call has been entered, but the write queue is full.
    Waiting {
        shared: Arc<SharedState>,
        id: u64,
        frame: RequestText,
        ticket: Option<Ticket>,
        observed: Observed,
    },
    Sent {
        shared: Arc<SharedState>,
        id: u64,
        observed: Observed,
    },
    /// The call runs through the handle's layers, which decide what is sent.
    Layered(Box<Layered>),
    Done,
}

impl CallState {
    /// The state of a call that a connection has taken, or that waits for a connection. `ticket`: its place
    /// in the line for room.
    pub(super) fn of_opened(
        opened: Opened<RequestText, Entered>,
        ticket: Option<Ticket>,
    ) -> Result<Self, Stopped> {
        match opened {
            Opened::Open((shared, id, None, observed)) => Ok(Self::Sent { shared, id, observed }),
            Opened::Open((shared, id, Some(frame), observed)) => {
                Ok(Self::Waiting { shared, id, frame, ticket, observed })
            }
            Opened::Down(frame) => Ok(Self::Down(frame)),
            Opened::Stopped(stopped) => Err(stopped),
        }
    }

    /// The call's id, once it is entered.
    pub(super) fn id(&self) -> Option<u64> {
        match self {
            Self::Waiting { id, .. } | Self::Sent { id, .. } => Some(*id),
            Self::New(_) | Self::Down(_) | Self::Layered(_) | Self::Done => None,
        }
    }

    /// Takes a call that is behind layers and was not polled.
    pub(super) fn take_layered(&mut self) -> Option<Box<Layered>> {
        match std::mem::replace(self, Self::Done) {
            Self::Layered(layered) if layered.is_new() => Some(layered),
            state => {
                *self = state;
                None
            }
        }
    }

    /// Takes the request of a call that has not been polled.
    pub(super) fn take_request(&mut self) -> Result<RequestText, EncodeError> {
        match self {
            Self::New(request) => std::mem::replace(request, Err(EncodeError::AlreadySent)),
            Self::Layered(layered) => layered.take_frame(),
            // It has been polled, so it has been sent, and is cancelled here.
            _ => Err(EncodeError::AlreadySent),
        }
    }

    /// What a handle of the call needs to cancel it. `attempts` are those of a client that reconnects.
    pub(super) fn target(&self, attempts: Option<&Attempts>) -> Target {
        match (self, attempts) {
            (Self::New(_), _) => Target::Unsent,
            (Self::Down(_), Some(attempts)) => match attempts.position() {
                Some(position) => Target::Down { reconnecting: attempts.reconnecting.clone(), position },
                None => Target::Unsent,
            },
            (Self::Layered(layered), _) => layered.target(),
            (Self::Waiting { shared, id, .. } | Self::Sent { shared, id, .. }, _) => {
                Target::Open { shared: shared.clone(), id: *id }
            }
            (Self::Down(_) | Self::Done, _) => Target::Ended,
        }
    }

    /// Removes the call from its connection, and sends the peer a cancel if it knows the call. Returns the
    /// connection, if the call is with one.
    pub(super) fn cancel(self) -> Option<Arc<SharedState>> {
        let (shared, id, mut ticket, _observed) = self.into_entered()?;
        shared.as_caller().cancel_call(id, &mut ticket);
        Some(shared)
    }

    /// As [`CallState::cancel`], of a call that has timed out.
    pub(super) fn expire(self) -> Option<Arc<SharedState>> {
        let (shared, id, mut ticket, observed) = self.into_entered()?;
        shared.as_caller().expire_call(id, &mut ticket);
        observed.end(End::TimedOut);
        Some(shared)
    }

    /// The parts of a call that is entered at a connection.
    fn into_entered(self) -> Option<(Arc<SharedState>, u64, Option<Ticket>, Observed)> {
        match self {
            Self::Waiting { shared, id, ticket, observed, .. } => Some((shared, id, ticket, observed)),
            Self::Sent { shared, id, observed } => Some((shared, id, None, observed)),
            Self::New(_) | Self::Down(_) | Self::Layered(_) | Self::Done => None,
        }
    }
}
