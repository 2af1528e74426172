//! The sending of a batch.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::shared::{Entered, Failure, Gathered, Shared};
use crate::error::CallError;
use crate::link::{Link, Ticket};
use crate::message::{BatchEntry, BatchFrame};
use crate::observe::{End, Observed};
use crate::served_call::Nested;

/// A batch that is sent when it is polled; see [`super::Batch::send`].
///
/// # Cancel safety
/// Dropped before it is ready, it sends nothing, and the calls of the batch end as
/// [`CallError::Unsendable`].
#[must_use = "a batch is sent when it is awaited"]
pub struct SendBatch {
    shared: Arc<Shared>,
    state: State,
}

enum State {
    New,
    /// Its calls are entered, but the outbox is full.
    Waiting {
        link: Arc<Link>,
        batch: BatchFrame,
        ticket: Option<Ticket>,
    },
    Done,
}

impl SendBatch {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, state: State::New }
    }

    /// Enters the calls into the table and queues the array, if there is room.
    fn open(&self, cx: &Context<'_>) -> Result<State, Failure> {
        let Gathered { slots, entries } = self.shared.take().map_err(Failure::Unsendable)?;
        if entries.is_empty() {
            return Ok(State::Done);
        }
        let peer = &self.shared.peer;
        let (link, limits) = (peer.link.clone(), peer.limits());
        if entries.len() > limits.max_batch {
            let (count, limit) = (entries.len(), limits.max_batch);
            let why =
                format!("the batch has {count} entries, over the limit of {limit} (`Limits::max_batch`)");
            return Err(Failure::Unsendable(why));
        }
        BatchFrame::within(&entries, limits.max_message_out)
            .map_err(|error| Failure::Unsendable(error.to_string()))?;
        // A duration too long for the clock is no bound.
        let deadline = peer.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        // Looked at before: it may be cancelled, and end, while the batch is opened.
        let cause = peer.cause.clone().filter(|cause| !cause.has_ended());
        let observed = observe(link.id, &entries);
        let mut ticket = None;
        let (ids, left) = match link.open_batch(entries, deadline, cx.waker(), &mut ticket) {
            Ok(opened) => opened,
            Err(reason) => {
                observed.into_iter().for_each(|call| call.end(End::Disconnected));
                return Err(Failure::Disconnected(reason));
            }
        };
        let enter = |(id, observed): (u64, Observed)| {
            let nested = cause.as_ref().map(|cause| Nested::begin(cause, id));
            observed.numbered(id);
            Entered { link: link.clone(), id, nested, observed }
        };
        let calls = slots.into_iter().zip(ids.into_iter().zip(observed).map(enter)).collect();
        self.shared.entered(calls).into_iter().for_each(Entered::cancel);
        Ok(match left {
            None => State::Done,
            Some(batch) => State::Waiting { link, batch, ticket },
        })
    }
}

/// The calls among the entries, in order.
fn observe(peer: u64, entries: &[BatchEntry]) -> Vec<Observed> {
    let calls = entries.iter().filter_map(|entry| match entry {
        BatchEntry::Request((), frame) => Some(Observed::called(peer, || frame.method())),
        BatchEntry::Notification(_) => None,
    });
    calls.collect()
}

impl Future for SendBatch {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::New => match self.open(cx) {
                Ok(state) => self.state = state,
                Err(failure) => {
                    self.shared.fail(failure.clone());
                    return Poll::Ready(Err(failure.error()));
                }
            },
            State::Waiting { link, batch, mut ticket } => {
                match link.send_batch(batch, cx.waker(), &mut ticket) {
                    Ok(None) => {}
                    Ok(Some(batch)) => self.state = State::Waiting { link, batch, ticket },
                    // Its calls have ended with the connection.
                    Err(reason) => return Poll::Ready(Err(Failure::Disconnected(reason).error())),
                }
            }
            State::Done => {}
        }
        match self.state {
            State::Waiting { .. } => Poll::Pending,
            State::New | State::Done => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for SendBatch {
    fn drop(&mut self) {
        match &mut self.state {
            State::New => self.shared.fail(Failure::never_sent()),
            State::Waiting { link, batch, ticket } => link.give_up_batch(batch, ticket),
            State::Done => {}
        }
    }
}

impl fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBatch").finish_non_exhaustive()
    }
}
