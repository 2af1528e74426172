//! A model of the table of outgoing calls. The property test runs it with proptest's inputs, the fuzz target
//! `multiplexer` with inputs that increase coverage.

use std::collections::BTreeMap;
use std::task::{Poll, Waker};

use bytes::Bytes;

use super::{Completed, Outcome, OutgoingCalls};
use crate::message::{ErrorCode, ErrorObject};

/// An operation on the table. A number selects one of the calls so far.
#[derive(Clone, Debug)]
pub enum Step {
    /// A call is opened.
    Insert,
    /// Calls are opened and sent in one batch.
    Batch {
        /// The number of calls.
        calls: usize,
        /// The number of notifications in the same batch.
        notifications: usize,
    },
    /// A call is sent.
    Send(usize),
    /// The peer answers a call.
    Complete(usize),
    /// The peer sends an error with id null.
    Refuse,
    /// A notification is sent.
    Notify,
    /// A call is polled.
    Poll(usize),
    /// A call is dropped.
    Remove(usize),
    /// A call is cancelled by its handle.
    Cancel(usize),
    /// The connection ends.
    Disconnect,
}

/// Performs the steps in order.
///
/// # Panics
/// If the table behaves differently from the model.
pub fn check(steps: impl IntoIterator<Item = Step>) {
    let table = OutgoingCalls::new();
    let (model, batches, ids) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut checked = Checked { table, model, batches, sent: Vec::new(), ids };
    steps.into_iter().for_each(|step| checked.run(step));
}

/// The model: the expected state of each call in the table.
#[derive(Clone, Copy, Debug)]
struct Model {
    sent: bool,
    done: bool,
}

/// The messages that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Call { id: u64, answered: bool },
    Notification,
}

struct Checked {
    table: OutgoingCalls,
    model: BTreeMap<u64, Model>,
    /// The calls of each open batch, its number of entries, and how many of `sent` were sent before it and
    /// with it; in order.
    batches: Vec<(Vec<u64>, usize, [usize; 2])>,
    /// The messages that were sent. Each open batch knows its position, which is after its own notifications.
    sent: Vec<Sent>,
    ids: Vec<u64>,
}

impl Checked {
    fn pick(&self, index: usize) -> u64 {
        if self.ids.is_empty() { 7 } else { self.ids[index % self.ids.len()] }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Insert => drop(self.insert()),
            Step::Batch { calls, notifications } => {
                let ids: Vec<u64> = (0..calls).map(|_| self.insert()).collect();
                ids.iter().for_each(|id| self.send(*id));
                self.table.batch_sent(ids.iter().copied(), calls + notifications);
                let before = self.sent.len();
                self.sent.extend((notifications > 0).then_some(Sent::Notification));
                self.batches.push((ids, calls + notifications, [before, self.sent.len()]));
            }
            Step::Refuse => self.refuse(),
            Step::Notify => {
                self.table.note_provocation();
                self.sent.push(Sent::Notification);
            }
            Step::Send(index) => self.send(self.pick(index)),
            Step::Complete(index) => self.complete(self.pick(index)),
            Step::Poll(index) => self.poll(self.pick(index)),
            Step::Remove(index) => {
                let id = self.pick(index);
                let expected = self.model.remove(&id).is_some_and(|call| call.sent && !call.done);
                assert_eq!(self.table.remove(id).sent, expected);
            }
            Step::Cancel(index) => {
                let id = self.pick(index);
                let expected = self.model.get(&id).filter(|call| !call.done).map(|call| call.sent);
                assert_eq!(self.table.cancel(id).map(|ended| ended.sent), expected);
                self.model.entry(id).and_modify(|call| call.done = true);
            }
            Step::Disconnect => {
                self.table.disconnect();
                self.model.values_mut().for_each(|call| call.done = true);
            }
        }
        let Self { model, batches, .. } = self;
        let awaited = |id: &u64| model.get(id).is_some_and(|call| !call.done);
        batches.retain(|(ids, ..)| ids.iter().any(awaited));
        assert_eq!(self.table.len(), self.model.len());
    }

    fn insert(&mut self) -> u64 {
        let id = self.table.insert(Waker::noop().clone());
        assert!(self.ids.last().is_none_or(|last| *last < id), "ids grow");
        self.ids.push(id);
        self.model.insert(id, Model { sent: false, done: false });
        id
    }

    fn send(&mut self, id: u64) {
        let expected = self.model.get(&id).is_some_and(|call| !call.done);
        assert_eq!(self.table.mark_sent(id), expected);
        self.model.entry(id).and_modify(|call| call.sent |= expected);
        if expected {
            self.sent.push(Sent::Call { id, answered: false });
        }
    }

    fn complete(&mut self, id: u64) {
        let waiting = self.model.get_mut(&id).is_some_and(|call| !std::mem::replace(&mut call.done, true));
        let completed = self.table.complete(id, Outcome::Result(Bytes::from_static(b"1")));
        assert_eq!(matches!(completed, Completed::Waiter(_)), waiting);
        // The batch was not refused.
        self.batches.retain(|(ids, ..)| !(waiting && ids.contains(&id)));
        // Only the last time that it was sent counts, since the table knows only that.
        let sent = self.sent.iter_mut().rev();
        let mut sent = sent.filter(|sent| matches!(sent, Sent::Call { id: sent, .. } if *sent == id));
        if let Some(Sent::Call { answered, .. }) = sent.next().filter(|_| waiting) {
            *answered = true;
        }
    }

    /// Whether a notification among the first `before` messages may still provoke an error.
    fn provokes(&self, before: usize) -> bool {
        let answered = |sent: &Sent| matches!(sent, Sent::Call { answered: true, .. });
        let settled = self.sent.iter().rposition(answered).unwrap_or(0);
        self.sent[..before].iter().skip(settled).any(|sent| *sent == Sent::Notification)
    }

    fn may_be_refused(&self, [before, after]: [usize; 2]) -> bool {
        !self.provokes(before) && !self.sent[after..].contains(&Sent::Notification)
    }

    /// The refused batch is the largest one without another possible cause, or the oldest of these.
    fn refuse(&mut self) {
        let refused = |(_, _, place): &&(Vec<u64>, usize, [usize; 2])| self.may_be_refused(*place);
        let largest = self.batches.iter().filter(refused).map(|(_, entries, _)| *entries).max();
        let index = self.batches.iter().position(|batch| Some(batch.1) == largest && refused(&batch));
        let ids = index.map(|index| self.batches.remove(index).0);
        let refused = self.table.refuse(&ErrorObject::framework(ErrorCode::InvalidRequest), true);
        assert_eq!(refused.is_some(), ids.is_some());
        let waiting = ids
            .iter()
            .flatten()
            .filter(|id| self.model.get_mut(id).is_some_and(|call| !std::mem::replace(&mut call.done, true)));
        assert_eq!(waiting.count(), refused.iter().flatten().count());
    }

    fn poll(&mut self, id: u64) {
        let polled = self.table.poll_once(id);
        match self.model.get(&id) {
            Some(call) if !call.done => assert!(polled.is_pending()),
            Some(call) => {
                assert!(matches!(polled, Poll::Ready((_, sent)) if sent == call.sent));
                self.model.remove(&id);
            }
            None => assert!(matches!(polled, Poll::Ready((Outcome::Disconnected, false)))),
        }
    }
}
