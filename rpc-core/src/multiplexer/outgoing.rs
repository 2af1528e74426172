//! The table of outgoing calls.

use std::task::{Poll, Waker};

use bytes::Bytes;

use super::provocations::Provocations;
use super::sent_batches::SentBatches;
use super::suspects::Suspects;
use crate::message::{ErrorObject, RequestText};

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The JSON text of the result.
    Result(Bytes),
    Error(Box<ErrorObject>),
    /// The peer has refused the call, or the batch that it was in, with an error whose id is null.
    Refused(Box<ErrorObject>),
    /// The response was invalid: the reason, and an excerpt.
    Broken(&'static str, Box<str>),
    /// The call timed out before its batch was sent.
    TimedOut,
    /// The call was cancelled by its handle, or because the call that caused it was cancelled.
    Cancelled,
    /// The call's batch was dropped before it was sent.
    Unsent,
    /// The connection ended before the queued request was sent; this is the request.
    Returned(RequestText),
    Disconnected,
}

/// The outgoing calls by id. The low bits of an id select a slot in a ring, so no hashing is needed, and ids
/// are assigned in order. If a slot is still occupied, it is skipped together with its id, so two calls never
/// share a slot. The ring is never more than half full, so that is rare.
pub(crate) struct OutgoingCalls {
    slots: Vec<Option<Entry>>,
    len: usize,
    next_id: u64,
    batches: SentBatches,
    provocations: Provocations,
    suspects: Suspects,
}

struct Entry {
    id: u64,
    sent: bool,
    /// The value of [`Provocations::count`] when the call was sent.
    after: u64,
    in_batch: bool,
    state: State,
}

enum State {
    Waiting(Option<Waker>),
    Done(Outcome),
}

/// What happened to a response.
#[derive(Debug)]
pub(crate) enum Completed {
    /// The call was waiting; this is its waker.
    Waiter(Option<Waker>),
    /// There is no such call, or it has already ended: the response is late, or was never asked for.
    Unknown,
}

/// A call that this side ended before its reply arrived.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) sent: bool,
    pub(crate) waiter: Option<Waker>,
}

const SMALLEST: usize = 8;

impl OutgoingCalls {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            len: 0,
            next_id: 1,
            batches: SentBatches::default(),
            provocations: Provocations::default(),
            suspects: Suspects::default(),
        }
    }

    /// The number of calls that [`OutgoingCalls::poll`] or [`OutgoingCalls::remove`] has not removed.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether an id has been given to a call, or was skipped.
    pub(crate) fn has_given(&self, id: u64) -> bool {
        (1..self.next_id).contains(&id)
    }

    /// Enters a call. This must happen before its request is sent, since the reply may arrive before the
    /// sender's next step.
    pub(crate) fn insert(&mut self, waiter: Waker) -> u64 {
        if self.len * 2 >= self.slots.len() {
            self.grow();
        }
        while self.slots[self.index(self.next_id)].is_some() {
            self.next_id += 1;
        }
        let id = self.next_id;
        self.next_id += 1;
        let index = self.index(id);
        self.slots[index] =
            Some(Entry { id, sent: false, after: 0, in_batch: false, state: State::Waiting(Some(waiter)) });
        self.len += 1;
        id
    }

    /// Takes an id for a request whose reply nobody awaits.
    pub(crate) fn skip_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Marks the request as sent. Returns `false` if the call is no longer wanted and need not be sent.
    pub(crate) fn mark_sent(&mut self, id: u64) -> bool {
        let count = self.provocations.count();
        match self.entry(id) {
            Some(entry) if matches!(entry.state, State::Waiting(_)) => {
                (entry.sent, entry.after) = (true, count);
                true
            }
            _ => false,
        }
    }

    /// Marks the calls of a batch as sent. `entries` includes the batch's notifications.
    pub(crate) fn batch_sent(&mut self, ids: impl Iterator<Item = u64>, entries: usize) {
        let ids: Vec<u64> = ids.collect();
        for id in &ids {
            if let Some(entry) = self.entry(*id) {
                entry.in_batch = true;
            }
        }
        let before = self.provocations.last();
        if ids.len() < entries {
            self.provocations.note();
        }
        self.batches.insert(&ids, entries, before, self.provocations.last());
    }

    /// Records that a message is sent that the peer may answer with an error whose id is null: a
    /// notification, a cancel, or such an error.
    pub(crate) fn note_provocation(&mut self) {
        self.provocations.note();
    }

    /// Ends a call with the peer's answer.
    pub(crate) fn complete(&mut self, id: u64, outcome: Outcome) -> Completed {
        let Some(Entry { state: state @ State::Waiting(_), after, .. }) = self.entry(id) else {
            return Completed::Unknown;
        };
        let (waiter, after) = (end(state, outcome), *after);
        self.batches.answered(id);
        self.provocations.settle(after);
        self.suspects.clear_of(id);
        Completed::Waiter(waiter)
    }

    /// Handles an error whose id is null or missing: ends the calls that it concerns and returns their
    /// wakers. `None` if it may concern something else.
    ///
    /// If there is a batch without any reply so far, the error concerns that batch. An error without any id,
    /// as Chrome's DevTools sends it, may concern an open call. Which one is certain if there is only one, or
    /// once the others have been answered ([`OutgoingCalls::take_refused`]).
    pub(crate) fn refuse(&mut self, error: &ErrorObject, has_id: bool) -> Option<Vec<Waker>> {
        if !self.batches.is_empty() {
            let ids = self.batches.take_refused(error.code(), &self.provocations)?;
            // This is only a good guess: a reply may still arrive.
            self.provocations.note_abandoned();
            return Some(self.end_refused(ids, error));
        }
        if has_id || !self.provocations.are_settled() {
            return None;
        }
        let sent = || self.slots.iter().flatten().filter(|entry| entry.sent && entry.is_waiting());
        if sent().next().is_none() || sent().any(|entry| entry.in_batch) {
            return None;
        }
        self.suspects.add(error, sent().map(|entry| entry.id));
        Some(self.take_refused())
    }

    /// Ends the calls that are now known to be the ones that an error with id null concerns.
    pub(crate) fn take_refused(&mut self) -> Vec<Waker> {
        match self.suspects.take_found() {
            Some((error, ids)) => self.end_refused(ids, &error),
            None => Vec::new(),
        }
    }

    fn end_refused(&mut self, ids: impl IntoIterator<Item = u64>, error: &ErrorObject) -> Vec<Waker> {
        let refused = || Outcome::Refused(Box::new(error.clone()));
        let waiters = ids.into_iter().filter_map(|id| match &mut self.entry(id)?.state {
            state @ State::Waiting(_) => end(state, refused()),
            State::Done(_) => None,
        });
        waiters.collect()
    }

    /// Takes the waker of a call that waits for its reply. The task that it wakes polls the call again.
    pub(crate) fn take_waiter(&mut self, id: u64) -> Option<Waker> {
        match &mut self.entry(id)?.state {
            State::Waiting(waiter) => waiter.take(),
            State::Done(_) => None,
        }
    }

    /// Whether a call with this id waits for its reply.
    pub(crate) fn is_waiting(&self, id: u64) -> bool {
        let slot = self.slots.get(self.index(id)).and_then(Option::as_ref);
        slot.is_some_and(|entry| entry.id == id && matches!(entry.state, State::Waiting(_)))
    }

    /// Returns the outcome and whether the request had been sent, and removes the call. `None` if `waiter` is
    /// new: the caller then polls again with a clone of it in `spare`. The caller drops what is left in
    /// `spare` after it has released its lock.
    pub(crate) fn poll(
        &mut self,
        id: u64,
        waiter: &Waker,
        spare: &mut Option<Waker>,
    ) -> Option<Poll<(Outcome, bool)>> {
        if let Some(Entry { state: State::Waiting(registered), .. }) = self.entry(id) {
            if registered.as_ref().is_some_and(|registered| registered.will_wake(waiter)) {
                return Some(Poll::Pending);
            }
            *spare = registered.replace(spare.take()?);
            return Some(Poll::Pending);
        }
        Some(match self.take(id) {
            Some(Entry { state: State::Done(outcome), sent, .. }) => Poll::Ready((outcome, sent)),
            _ => Poll::Ready((Outcome::Disconnected, false)),
        })
    }

    /// [`OutgoingCalls::poll`] for a caller that does not want to be woken.
    #[cfg(any(test, feature = "__internals"))]
    pub(crate) fn poll_once(&mut self, id: u64) -> Poll<(Outcome, bool)> {
        let mut spare = Some(Waker::noop().clone());
        self.poll(id, Waker::noop(), &mut spare).unwrap_or(Poll::Pending)
    }

    /// Removes a call. `sent` in the result: the request has been sent and its reply has not arrived, so the
    /// peer should get a cancel. The waiter need not be woken.
    pub(crate) fn remove(&mut self, id: u64) -> Ended {
        let Some(Entry { state: State::Waiting(waiter), sent, .. }) = self.take(id) else {
            return Ended { sent: false, waiter: None };
        };
        if sent {
            self.abandon(id);
        }
        Ended { sent, waiter }
    }

    /// Ends a call before its reply arrives; `None` if it has already ended.
    pub(crate) fn cancel(&mut self, id: u64) -> Option<Ended> {
        let entry = self.entry(id).filter(|entry| matches!(entry.state, State::Waiting(_)))?;
        let (waiter, sent) = (end(&mut entry.state, Outcome::Cancelled), entry.sent);
        if sent {
            self.abandon(id);
        }
        Some(Ended { sent, waiter })
    }

    /// Ends all calls, because the connection has ended.
    pub(crate) fn disconnect(&mut self) -> Vec<Waker> {
        self.batches.clear();
        self.suspects = Suspects::default();
        let states = self.slots.iter_mut().flatten().map(|entry| &mut entry.state);
        states
            .filter(|state| matches!(state, State::Waiting(_)))
            .filter_map(|state| end(state, Outcome::Disconnected))
            .collect()
    }

    /// Notes that a call that was sent is no longer awaited.
    fn abandon(&mut self, id: u64) {
        self.batches.left(id);
        self.provocations.note_abandoned();
    }

    fn index(&self, id: u64) -> usize {
        // The number of slots is a power of two. With zero slots no id is in the ring.
        (id as usize) & self.slots.len().wrapping_sub(1)
    }

    fn entry(&mut self, id: u64) -> Option<&mut Entry> {
        let index = self.index(id);
        self.slots.get_mut(index)?.as_mut().filter(|entry| entry.id == id)
    }

    fn take(&mut self, id: u64) -> Option<Entry> {
        let index = self.index(id);
        let entry = self.slots.get_mut(index)?.take_if(|entry| entry.id == id)?;
        self.len -= 1;
        if self.len == 0 && self.slots.len() > 1024 {
            // A burst is over: its memory is freed.
            self.slots = Vec::new();
        }
        Some(entry)
    }

    /// Doubles the ring. Ids that differ in their low bits also differ with one more bit.
    fn grow(&mut self) {
        let old = std::mem::take(&mut self.slots);
        self.slots.resize_with((old.len() * 2).max(SMALLEST), || None);
        for entry in old.into_iter().flatten() {
            let index = self.index(entry.id);
            self.slots[index] = Some(entry);
        }
    }
}

impl Entry {
    fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }
}

fn end(state: &mut State, outcome: Outcome) -> Option<Waker> {
    match std::mem::replace(state, State::Done(outcome)) {
        State::Waiting(waiter) => waiter,
        State::Done(_) => None,
    }
}

#[cfg(test)]
#[path = "outgoing_tests.rs"]
mod tests;
