//! The multiplexer: the tables of open calls, one for each direction, and of streams. Pure state: no socket,
//! task or clock.
//!
//! The tables of calls have different types, since the ids of the two directions are unrelated:
//! [`OutgoingCalls`] has the calls that this side has made, [`IncomingCalls`] those that the peer has made.
//! [`Streams`] has the streams of both, and [`OutgoingSubscriptions`] the subscriptions of this side at a
//! peer that does not speak `birpc.v1`. [`FairSemaphore`] has the slots that connections share.

mod credit;
mod fair_semaphore;
mod incoming;
#[cfg(any(test, feature = "__internals"))]
pub(crate) mod incoming_model;
mod notification_credit;
mod outgoing;
#[cfg(any(test, feature = "__internals"))]
pub(crate) mod outgoing_model;
mod outgoing_subscriptions;
#[cfg(any(test, feature = "__internals"))]
mod outgoing_subscriptions_counts;
#[cfg(any(test, feature = "__internals"))]
pub(crate) mod outgoing_subscriptions_model;
mod provocations;
mod sent_batches;
mod streams;
#[cfg(any(test, feature = "__internals"))]
pub(crate) mod streams_model;
mod suspects;
mod wait_queue;

pub(crate) use credit::Excess;
pub(crate) use fair_semaphore::FairSemaphore;
pub(crate) use incoming::{Admission, Due, IncomingCall, IncomingCalls, Load};
pub(crate) use notification_credit::{NotificationCredit, WINDOW};
pub(crate) use outgoing::{Completed, Outcome, OutgoingCalls};
pub(crate) use outgoing_subscriptions::{
    NextUpdate, OutgoingSubscriptions, Replied, Subscribe, Taken, Unsubscribe,
};
pub(crate) use streams::{
    Breakage, CallStreams, End as StreamEnd, Failed, Farewell, Grant, Halt, Key as StreamKey,
    Name as StreamName, Next, StreamLimits, Streams, TooManyStreams,
};
