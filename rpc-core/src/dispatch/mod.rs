//! Method name to handler: the [`Router`], and what turns a handler into the text of its reply.

mod blocking;
mod guard;
mod handling;
mod layer;
mod router;
mod routes;
mod task;

pub use layer::{Handler, HandlerFuture, IncomingCall};
pub use router::{DuplicateMethod, IntoRouter, Router, Service};
pub use routes::Routes;

pub(crate) use guard::{Polled, poll_once, tell_other};
pub(crate) use handling::{Handling, Output};
pub(crate) use router::{OtherMessages, Route};
pub(crate) use task::{Occupied, Tenancy, reply_late, spawn};
