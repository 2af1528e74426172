//! Sends a batch.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::batch_state::{BatchState, Entered, Failure, Gathered};
use crate::error::CallError;
use crate::message::{BatchEntry, BatchText};
use crate::multiplexer::Outcome;
use crate::observe::{End, Observed};
use crate::peer::attempts::{self, Attempts, Opened};
use crate::peer::deadline::Deadline;
use crate::served_call::{Nested, Wait};
use crate::shared_state::{SharedState, Ticket};

/// The future of [`super::Batch::send`], which sends the batch.
///
/// # Cancel safety
/// If it is dropped before it completes, nothing is sent and the calls of the batch fail with
/// [`CallError::Unsendable`].
#[must_use = "a batch is sent when it is awaited"]
pub struct SendBatch {
    batch_state: Arc<BatchState>,
    state: State,
    /// For a client that reconnects: set from the first poll on.
    attempts: Option<Box<Attempts>>,
    /// Set from the first poll on.
    deadline: Deadline,
    /// Set while a handler awaits the sending.
    wait: Option<Wait>,
}

enum State {
    New,
    /// The client has no connection.
    Down(Gathered),
    /// The calls have been entered, but the write queue is full.
    Waiting {
        shared: Arc<SharedState>,
        batch: BatchText,
        ticket: Option<Ticket>,
    },
    Done,
}

const NO_BATCHES: &str = "batches do not cross servers; the peer is connected to another one";

impl SendBatch {
    pub(super) fn new(batch_state: Arc<BatchState>) -> Self {
        Self { batch_state, state: State::New, attempts: None, deadline: Deadline::default(), wait: None }
    }

    /// Takes the contents of the batch, if it may be sent.
    fn gather(&self) -> Result<Gathered, Failure> {
        let gathered = self.batch_state.take().map_err(Failure::Unsendable)?;
        if self.batch_state.peer.place().is_some() {
            return Err(Failure::Unsendable(NO_BATCHES.into()));
        }
        let limits = self.batch_state.peer.limits();
        let (count, limit) = (gathered.entries.len(), limits.max_batch);
        if count > limit {
            let why =
                format!("the batch has {count} entries, over the limit of {limit} (`Limits::max_batch`)");
            return Err(Failure::Unsendable(why.into()));
        }
        let notifications = gathered.entries.iter().filter_map(BatchEntry::notification);
        if !self.batch_state.peer.current().as_credit().can_cover(notifications) {
            let why = "the batch has more notifications than a peer of `birpc.v1` ever allows at once";
            return Err(Failure::Unsendable(why.into()));
        }
        BatchText::within(&gathered.entries, limits.max_message_out)
            .map_err(|error| Failure::Unsendable(error.into()))?;
        Ok(gathered)
    }

    /// Enters the calls into the connection's table and queues the batch, if there is room. While a client
    /// has no connection, the batch waits if it may.
    fn open(&mut self, gathered: Gathered, cx: &mut Context<'_>) -> Result<State, Failure> {
        let Gathered { slots, entries } = gathered;
        if entries.is_empty() {
            return Ok(State::Done);
        }
        let peer = &self.batch_state.peer;
        // Checked first: the cause may be cancelled and end while the batch is opened.
        let cause = peer.cause.clone().filter(|cause| !cause.has_ended());
        let (mut ticket, deadline) = (None, self.deadline.instant());
        let opened = attempts::open(peer, &mut self.attempts, cx, entries, |shared, entries, waker| {
            let observed = observe(&shared, &entries);
            match shared.as_batch().open_batch(entries, waker, &mut ticket) {
                Ok(opened) => Ok((shared, opened, observed)),
                Err(ended) => {
                    disconnected(observed);
                    Err(ended)
                }
            }
        });
        let (shared, (ids, left), observed) = match opened {
            Opened::Open(opened) => opened,
            Opened::Down(entries) => return Ok(State::Down(Gathered { slots, entries })),
            Opened::Stopped(stopped) => return Err(stopped.into()),
        };
        let enter = |(id, observed): (u64, Observed)| {
            let nested = cause.as_ref().map(|cause| Nested::begin(cause, id));
            observed.numbered(id);
            Entered { shared: shared.clone(), id, nested, observed, deadline }
        };
        let calls = slots.into_iter().zip(ids.into_iter().zip(observed).map(enter)).collect();
        self.batch_state.entered(calls).into_iter().for_each(Entered::cancel);
        Ok(match left {
            None => State::Done,
            Some(batch) => State::Waiting { shared, batch, ticket },
        })
    }
}

impl SendBatch {
    /// Stores the new state of the batch, or tells its calls why it is not sent.
    fn opened(&mut self, opened: Result<State, Failure>) -> Result<(), CallError> {
        match opened {
            Ok(state) => {
                self.state = state;
                Ok(())
            }
            Err(failure) => {
                self.batch_state.fail(failure.clone());
                Err(failure.error())
            }
        }
    }
}

/// The calls among the entries, in order.
fn observe(shared: &SharedState, entries: &[BatchEntry]) -> Vec<Observed> {
    let calls = entries.iter().filter_map(|entry| match entry {
        BatchEntry::Request((), frame) => {
            Some(Observed::called(shared.id(), (shared.meters(), shared.inspected()), || frame.method()))
        }
        BatchEntry::Notification(_) => None,
    });
    calls.collect()
}

fn disconnected(calls: Vec<Observed>) {
    calls.into_iter().for_each(|call| call.end(End::Disconnected));
}

impl SendBatch {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::New => {
                self.deadline = Deadline::begin(&self.batch_state.peer);
                self.attempts = Attempts::begin(&self.batch_state.peer);
                let opened = self.gather().and_then(|gathered| self.open(gathered, cx));
                self.opened(opened)?;
            }
            State::Down(gathered) => {
                let opened = self.open(gathered, cx);
                self.opened(opened)?;
            }
            State::Waiting { shared, batch, mut ticket } => {
                match shared.as_batch().send_batch(batch, cx.waker(), &mut ticket) {
                    Ok(None) => {}
                    Ok(Some(batch)) => self.state = State::Waiting { shared, batch, ticket },
                    // The calls have ended with the connection.
                    Err(reason) => return Poll::Ready(Err(Failure::Disconnected(reason).error())),
                }
            }
            State::Done => {}
        }
        match self.state {
            State::Waiting { .. } | State::Down(_) => self.deadline.poll(cx).map(|()| {
                self.give_up(Failure::TimedOut, || Outcome::TimedOut);
                Err(CallError::TimedOut)
            }),
            State::New | State::Done => Poll::Ready(Ok(())),
        }
    }
}

impl Future for SendBatch {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let sent = self.poll_send(cx);
        self.wait = if sent.is_pending() { self.wait.take().or_else(Wait::begin) } else { None };
        sent
    }
}

impl SendBatch {
    /// Sends nothing, and tells the calls why. Calls that have been entered get `outcome`.
    fn give_up(&mut self, why: Failure, outcome: fn() -> Outcome) {
        match std::mem::replace(&mut self.state, State::Done) {
            State::New | State::Down(_) => self.batch_state.fail(why),
            State::Waiting { shared, batch, mut ticket } => {
                shared.as_batch().give_up_batch(&batch, &mut ticket, outcome)
            }
            State::Done => {}
        }
        self.attempts = None;
    }
}

impl Drop for SendBatch {
    fn drop(&mut self) {
        self.give_up(Failure::never_sent(), || Outcome::Unsent);
    }
}

impl fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBatch").finish_non_exhaustive()
    }
}
