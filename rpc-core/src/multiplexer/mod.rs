//! The multiplexer: which calls are open, in each direction. Pure state: no socket, no task, no clock.
//!
//! Two tables of two types, since ids of the two directions never meet: [`CallTable`] holds calls that we
//! made and await, [`ServedTable`] calls that the peer made and we serve. [`Gate`] has the slots that connections
//! share.

mod calls;
mod gate;
mod parking;
mod sent_batches;
mod served;

pub(crate) use calls::{CallTable, Completed, Outcome};
pub(crate) use gate::Gate;
pub(crate) use served::{Admission, Due, Load, Opened, ServedTable};
