//! The multiplexer: which calls are open, in each direction. Pure state: no socket, no task, no clock.
//!
//! Two tables of two types, since ids of the two directions never meet: [`CallTable`] holds calls that we
//! made and await, [`ServedTable`] calls that the peer made and we serve. [`Gate`] has the slots that connections
//! share.

mod calls;
#[cfg(any(test, feature = "__internals"))]
pub(crate) mod calls_model;
mod gate;
mod parking;
mod provocations;
mod sent_batches;
mod served;
#[cfg(any(test, feature = "__internals"))]
pub(crate) mod served_model;
mod suspects;

pub(crate) use calls::{CallTable, Completed, Outcome};
pub(crate) use gate::Gate;
pub(crate) use served::{Admission, Due, Load, Opened, ServedTable};
