//! A model of the table of our calls. The property test gives it what proptest makes, the fuzz target `multiplexer`
//! what coverage finds.

use std::collections::BTreeMap;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{CallTable, Completed, Outcome};
use crate::message::{ErrorCode, ErrorObject};

/// What is done to the table; a number picks one of the calls so far, milliseconds count from the start.
#[derive(Clone, Debug)]
pub enum Step {
    /// A call is opened.
    Insert {
        /// When it times out.
        deadline: Option<u8>,
    },
    /// Calls are opened and sent in one batch.
    Batch {
        /// How many.
        calls: usize,
        /// How many notifications go with them.
        notifications: usize,
    },
    /// A call is sent.
    Send(usize),
    /// The peer answers a call.
    Complete(usize),
    /// The peer refuses a batch.
    Refuse,
    /// A call is polled.
    Poll(usize),
    /// A call is dropped.
    Remove(usize),
    /// A call is cancelled by its handle.
    Cancel(usize),
    /// So much time has passed.
    Expire(u8),
    /// The connection ends.
    Disconnect,
}

/// Takes the steps, one after the other.
///
/// # Panics
/// If the table does something else than its model.
pub fn check(steps: impl IntoIterator<Item = Step>) {
    let table = CallTable::new();
    let (model, batches, ids, start) = (BTreeMap::new(), Vec::new(), Vec::new(), Instant::now());
    let mut checked = Checked { table, model, batches, ids, start };
    steps.into_iter().for_each(|step| checked.run(step));
}

/// The model: what the table should know of each call that it holds.
#[derive(Clone, Copy, Debug)]
struct Model {
    sent: bool,
    done: bool,
    deadline: Option<Instant>,
}

struct Checked {
    table: CallTable,
    model: BTreeMap<u64, Model>,
    /// The calls of each batch that is out, and how many entries it has; in order.
    batches: Vec<(Vec<u64>, usize)>,
    ids: Vec<u64>,
    start: Instant,
}

impl Checked {
    fn at(&self, millis: u8) -> Instant {
        self.start + Duration::from_millis(millis.into())
    }

    fn pick(&self, index: usize) -> u64 {
        if self.ids.is_empty() { 7 } else { self.ids[index % self.ids.len()] }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Insert { deadline } => drop(self.insert(deadline)),
            Step::Batch { calls, notifications } => {
                let ids: Vec<u64> = (0..calls).map(|_| self.insert(None)).collect();
                ids.iter().for_each(|id| self.send(*id));
                self.table.batch_sent(ids.iter().copied(), calls + notifications);
                self.batches.push((ids, calls + notifications));
            }
            Step::Refuse => self.refuse(),
            Step::Send(index) => self.send(self.pick(index)),
            Step::Complete(index) => self.complete(self.pick(index)),
            Step::Poll(index) => self.poll(self.pick(index)),
            Step::Remove(index) => {
                let id = self.pick(index);
                let expected = self.model.remove(&id).is_some_and(|call| call.sent && !call.done);
                assert_eq!(self.table.remove(id), expected);
            }
            Step::Cancel(index) => {
                let id = self.pick(index);
                let expected = self.model.get(&id).filter(|call| !call.done).map(|call| call.sent);
                assert_eq!(self.table.cancel(id).map(|ended| ended.sent), expected);
                self.model.entry(id).and_modify(|call| call.done = true);
            }
            Step::Expire(millis) => self.expire(self.at(millis)),
            Step::Disconnect => {
                self.table.disconnect();
                self.model
                    .values_mut()
                    .for_each(|call| *call = Model { done: true, deadline: None, ..*call });
            }
        }
        let Self { model, batches, .. } = self;
        let awaited = |id: &u64| model.get(id).is_some_and(|call| !call.done);
        batches.retain(|(ids, _)| ids.iter().any(awaited));
        assert_eq!(self.table.len(), self.model.len());
    }

    fn insert(&mut self, deadline: Option<u8>) -> u64 {
        let deadline = deadline.map(|millis| self.at(millis));
        let id = self.table.insert(Waker::noop().clone(), deadline);
        assert!(self.ids.last().is_none_or(|last| *last < id), "ids grow");
        self.ids.push(id);
        self.model.insert(id, Model { sent: false, done: false, deadline });
        id
    }

    fn send(&mut self, id: u64) {
        let expected = self.model.get(&id).is_some_and(|call| !call.done);
        assert_eq!(self.table.mark_sent(id), expected);
        self.model.entry(id).and_modify(|call| call.sent |= expected);
    }

    fn complete(&mut self, id: u64) {
        let waiting = self.model.get_mut(&id).is_some_and(|call| !std::mem::replace(&mut call.done, true));
        let completed = self.table.complete(id, Outcome::Result(Bytes::from_static(b"1")));
        assert_eq!(matches!(completed, Completed::Waiter(_)), waiting);
        // It was not refused.
        self.batches.retain(|(ids, _)| !(waiting && ids.contains(&id)));
    }

    /// It is the largest batch, of equals the oldest.
    fn refuse(&mut self) {
        let largest = self.batches.iter().map(|(_, entries)| *entries).max();
        let index = self.batches.iter().position(|(_, entries)| Some(*entries) == largest);
        let ids = index.map(|index| self.batches.remove(index).0);
        let refused = self.table.refuse_batch(&ErrorObject::framework(ErrorCode::InvalidRequest));
        assert_eq!(refused.is_some(), ids.is_some());
        let waiting = ids
            .iter()
            .flatten()
            .filter(|id| self.model.get_mut(id).is_some_and(|call| !std::mem::replace(&mut call.done, true)));
        assert_eq!(waiting.count(), refused.iter().flatten().count());
    }

    fn poll(&mut self, id: u64) {
        let polled = self.table.poll(id, Waker::noop());
        match self.model.get(&id) {
            Some(call) if !call.done => assert!(polled.is_pending()),
            Some(call) => {
                assert!(matches!(polled, Poll::Ready((_, sent)) if sent == call.sent));
                self.model.remove(&id);
            }
            None => assert!(matches!(polled, Poll::Ready((Outcome::Disconnected, false)))),
        }
    }

    fn expire(&mut self, now: Instant) {
        let expired: Vec<u64> = self.table.expire(now).into_iter().map(|call| call.id).collect();
        let due = |call: &Model| !call.done && call.deadline.is_some_and(|deadline| deadline <= now);
        let mut expected: Vec<_> =
            self.model.iter().filter(|(_, call)| due(call)).map(|(id, call)| (call.deadline, *id)).collect();
        expected.sort();
        assert_eq!(expired, expected.iter().map(|(_, id)| *id).collect::<Vec<_>>());
        for id in expired {
            self.model.entry(id).and_modify(|call| call.done = true);
        }
    }
}
