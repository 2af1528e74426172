//! Calls that we made and await.

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
    /// The peer has refused the batch that the call was in, or the call itself, with an error whose id is
    /// null.
    Refused(Box<ErrorObject>),
    /// The response was broken: how, and an excerpt of it.
    Broken(&'static str, Box<str>),
    /// Of a batch that was still to be sent when its time was up.
    TimedOut,
    /// By its handle, or with the call that caused it.
    Cancelled,
    /// The batch that it was in was given up before it was sent.
    Unsent,
    /// The connection ended, and the request, which was queued for it, had not gone: this is it.
    Returned(RequestText),
    Disconnected,
}

/// Our calls by id. An id indexes a ring of slots by its low bits: no hashing, and ids go out in order.
/// A slot that is still taken is skipped together with its id, so no two entries ever meet; as the ring is
/// never more than half full, that is rare.
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
    /// [`Provocations::count`] when it was sent.
    after: u64,
    in_batch: bool,
    state: State,
}

enum State {
    Waiting(Option<Waker>),
    Done(Outcome),
}

/// What became of a response.
#[derive(Debug)]
pub(crate) enum Completed {
    /// The call was waiting; this is whom to wake.
    Waiter(Option<Waker>),
    /// No such call, or it has ended already: late, or never ours.
    Unknown,
}

/// A call that this side ended before its reply came.
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

    /// Calls that have not been taken back by [`OutgoingCalls::poll`] or [`OutgoingCalls::remove`].
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether an id was given to a call, or skipped.
    pub(crate) fn has_given(&self, id: u64) -> bool {
        (1..self.next_id).contains(&id)
    }

    /// Opens a call, before anything is sent: its reply may come sooner than the sender's next step.
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

    /// Notes that the request is on its way; `false` if nobody wants its reply any more, and it need not go.
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

    /// Notes that calls are on their way in one batch, which has so many entries with its notifications.
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

    /// Notes that something goes out that the peer may answer with an error whose id is null: a notification,
    /// a cancel, or such an error.
    pub(crate) fn note_provocation(&mut self) {
        self.provocations.note();
    }

    /// Ends a call with what the peer answered.
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

    /// An error whose id is null, or that has none: ends the calls that it is for, and gives whom to wake.
    /// `None` if it may be for something else.
    ///
    /// It is for a batch, if one is out that nothing was answered of. One that has no id at all, as Chrome's
    /// DevTools send it, may be for a call that is out: for which, is certain if there is one, or once the
    /// others have been answered ([`OutgoingCalls::take_refused`]).
    pub(crate) fn refuse(&mut self, error: &ErrorObject, has_id: bool) -> Option<Vec<Waker>> {
        if !self.batches.is_empty() {
            let ids = self.batches.take_refused(error.code(), &self.provocations)?;
            // It is a guess, however good: an answer may still come.
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

    /// Ends the calls of which it has turned out that an error whose id is null was for them.
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

    /// Whether a call with this id waits for its reply.
    pub(crate) fn is_waiting(&self, id: u64) -> bool {
        let slot = self.slots.get(self.index(id)).and_then(Option::as_ref);
        slot.is_some_and(|entry| entry.id == id && matches!(entry.state, State::Waiting(_)))
    }

    /// The outcome and whether the request had been sent; the entry is gone then. `None` if `waiter` is new:
    /// the caller polls again with a clone of it in `spare`. What is in `spare` then is the caller's to drop,
    /// where no lock is held.
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

    /// As [`OutgoingCalls::poll`], for who is not to be woken.
    #[cfg(any(test, feature = "__internals"))]
    pub(crate) fn poll_once(&mut self, id: u64) -> Poll<(Outcome, bool)> {
        let mut spare = Some(Waker::noop().clone());
        self.poll(id, Waker::noop(), &mut spare).unwrap_or(Poll::Pending)
    }

    /// Forgets a call. `sent` if its request had been sent and its reply has not come: the peer should be
    /// told. The waiter is not to be woken.
    pub(crate) fn remove(&mut self, id: u64) -> Ended {
        let Some(Entry { state: State::Waiting(waiter), sent, .. }) = self.take(id) else {
            return Ended { sent: false, waiter: None };
        };
        if sent {
            self.abandon(id);
        }
        Ended { sent, waiter }
    }

    /// Ends a call before its reply; `None` if it has ended already.
    pub(crate) fn cancel(&mut self, id: u64) -> Option<Ended> {
        let entry = self.entry(id).filter(|entry| matches!(entry.state, State::Waiting(_)))?;
        let (waiter, sent) = (end(&mut entry.state, Outcome::Cancelled), entry.sent);
        if sent {
            self.abandon(id);
        }
        Some(Ended { sent, waiter })
    }

    /// Ends every call, since the connection has.
    pub(crate) fn disconnect(&mut self) -> Vec<Waker> {
        self.batches.clear();
        self.suspects = Suspects::default();
        let states = self.slots.iter_mut().flatten().map(|entry| &mut entry.state);
        states
            .filter(|state| matches!(state, State::Waiting(_)))
            .filter_map(|state| end(state, Outcome::Disconnected))
            .collect()
    }

    /// A call that was sent is not awaited any more.
    fn abandon(&mut self, id: u64) {
        self.batches.left(id);
        self.provocations.note_abandoned();
    }

    fn index(&self, id: u64) -> usize {
        // The number of slots is a power of two; zero slots hold no id at all.
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
            // A burst is over: give its memory back.
            self.slots = Vec::new();
        }
        Some(entry)
    }

    /// Doubles the ring. Ids that differ in their low bits still do with one bit more.
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
