//! From the name of a method to its reply: the [`Router`], and the code that runs a handler and writes its
//! reply.

mod blocking;
mod body;
#[cfg(feature = "schema")]
mod discovery;
mod factory;
mod guard;
mod handling;
mod layer;
mod occupied;
mod parameters;
mod producing;
mod publish;
mod route;
mod route_table;
mod router;
mod routes;
mod streams;
mod task;
mod unsubscribe;

pub use body::{ServedBody, ServedResult};
pub use layer::{Handler, HandlerFuture, IncomingCall};
pub use parameters::{Parameters, ServedParam};
pub use route_table::DuplicateMethod;
pub use router::{IntoRouter, Router, Service};
pub use routes::Routes;

pub(crate) use guard::{Polled, poll_once, tell_other};
pub(crate) use handling::{Handling, Output};
pub(crate) use occupied::{Occupied, Tenancy};
pub(crate) use publish::release;
pub(crate) use route::Route;
pub(crate) use router::OtherMessages;
pub(crate) use task::{reply_late, spawn};
