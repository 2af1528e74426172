//! The multiplexer: which calls are open, in each direction. Pure state: no socket, no task, no clock.
//!
//! Two tables of two types, since ids of the two directions never meet: [`OutgoingCalls`] holds calls that we
//! made and await, [`IncomingCalls`] calls that the peer made and we serve. [`FairSemaphore`] has the slots
//! that connections share.

mod fair_semaphore;
mod incoming;
#[cfg(any(test, feature = "__internals"))]
pub(crate) mod incoming_model;
mod outgoing;
#[cfg(any(test, feature = "__internals"))]
pub(crate) mod outgoing_model;
mod provocations;
mod sent_batches;
mod suspects;
mod wait_queue;

pub(crate) use fair_semaphore::FairSemaphore;
pub(crate) use incoming::{Admission, Due, IncomingCall, IncomingCalls, Load};
pub(crate) use outgoing::{Completed, Outcome, OutgoingCalls};
