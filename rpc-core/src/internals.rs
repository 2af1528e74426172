//! The parts of the core that the fuzz targets and the micro-benchmarks use, behind the feature
//! `__internals`.
//!
//! Nothing here is part of the API: any release may change or remove it.

use std::hint::black_box;
use std::task::{Poll, Waker};

use bytes::Bytes;
use serde::Serialize;

use crate::config::Limits;
use crate::dispatch::Router;
use crate::message::{self, Decoded, ErrorObject, Id, Incoming, RequestText};
use crate::multiplexer::incoming_model::BareCall;
use crate::multiplexer::{Admission, Due, IncomingCalls, Load, Outcome, OutgoingCalls};
use crate::peer::Peer;

pub use crate::message::properties::check as check_message;
pub use crate::multiplexer::incoming_model::{Step as ServedStep, check as check_served};
pub use crate::multiplexer::outgoing_model::{Step as CallStep, check as check_calls};
pub use crate::multiplexer::outgoing_subscriptions_model::{
    Step as SubscriptionStep, check as check_subscriptions,
};
pub use crate::multiplexer::streams_model::{Step as StreamStep, check as check_streams};

/// Decodes the text of one frame, and all elements if it is a batch. Returns the number of messages.
#[must_use]
pub fn decode(text: &[u8]) -> usize {
    let valid = |message: Incoming<'_>| usize::from(!matches!(black_box(message), Incoming::Invalid { .. }));
    match message::decode(text, Limits::default().max_batch, message::Version::Required) {
        Decoded::One(message) => valid(message),
        Decoded::Batch(elements) => elements
            .iter()
            .map(|element| valid(message::decode_element(element, message::Version::Required)))
            .sum(),
        Decoded::Refused(_) | Decoded::NotJson => 0,
    }
}

/// Encodes a request; `None` if it cannot be sent.
#[must_use]
pub fn encode_request(method: &str, params: &impl Serialize, id: u64) -> Option<Bytes> {
    RequestText::encode(method, params).ok().map(|frame| frame.finish(id))
}

/// Appends a reply with a result.
pub fn encode_result(id: u64, result: &impl Serialize, out: &mut Vec<u8>) {
    let id = &Id::number(id);
    message::begin_reply(Some(id), out);
    message::write_result(result, out);
    message::finish_reply(Some(id), out);
}

/// Appends a reply with an error.
pub fn encode_error(id: u64, error: &ErrorObject, out: &mut Vec<u8>) {
    message::error_reply(&Id::number(id), error, out);
}

/// Whether a router has a method.
#[must_use]
pub fn has_method(router: &Router, method: &str) -> bool {
    router.route(method).is_some()
}

/// Whether anything is left of streams of this connection: one of them, a name, or credit.
#[must_use]
pub fn has_streams(peer: &Peer) -> bool {
    peer.current().as_stream().left().is_some()
}

/// The table of outgoing calls.
pub struct Calls {
    table: OutgoingCalls,
}

impl Calls {
    /// Creates a table with `calls` calls that wait for a reply.
    #[must_use]
    pub fn pending(calls: usize) -> Self {
        let mut this = Self { table: OutgoingCalls::new() };
        (0..calls).for_each(|_| {
            this.open();
        });
        this
    }

    /// Opens a call and marks it as sent.
    pub fn open(&mut self) -> u64 {
        let id = self.table.insert(Waker::noop().clone());
        self.table.mark_sent(id);
        id
    }

    /// Completes a call and takes its result; `false` if there is no such call.
    pub fn complete(&mut self, id: u64, result: Bytes) -> bool {
        black_box(self.table.complete(id, Outcome::Result(result)));
        matches!(self.table.poll_once(id), Poll::Ready((Outcome::Result(_), true)))
    }

    /// Drops a call; `false` if the peer does not know the call.
    pub fn cancel(&mut self, id: u64) -> bool {
        self.table.remove(id).sent
    }
}

/// The table of incoming calls.
pub struct Served {
    table: IncomingCalls<BareCall, ()>,
    limits: Limits,
}

impl Served {
    /// Creates a table with `calls` running calls, whose ids begin with 1.
    #[must_use]
    pub fn running(calls: usize) -> Self {
        let limits = Limits { max_in_flight: calls + 2, max_open: calls + 2, ..Limits::default() };
        let mut this = Self { table: IncomingCalls::new(), limits };
        (1..=calls as u64).for_each(|id| {
            this.admit(id);
        });
        this
    }

    /// Admits a call and enters it. Returns its key if it may run.
    pub fn admit(&mut self, id: u64) -> Option<usize> {
        let id = Id::number(id);
        let load = Load { waiting: 0, producing: 0, congested: false };
        if self.table.is_open(&id) || self.table.admit(false, 60, load, &self.limits) != Admission::Run {
            return None;
        }
        Some(self.table.insert(BareCall { id: Some(id), batch: None, ordered: false }))
    }

    /// Looks up the call that a cancel names.
    #[must_use]
    pub fn is_running(&self, id: u64) -> bool {
        self.table.running(&Id::number(id)).is_some()
    }

    /// Ends a call; `false` if it gets no reply.
    pub fn finish(&mut self, key: usize) -> bool {
        matches!(self.table.finish(key, b"{}"), Due::Frame)
    }
}
