//! A model of the table of incoming calls. The property test runs it with proptest's inputs, the fuzz target
//! `multiplexer` with inputs that increase coverage.

use std::collections::BTreeMap;

use super::{Admission, Due, IncomingCall, IncomingCalls, Load};
use crate::config::Limits;
use crate::message::Id;

/// An event. An index selects one of the running or waiting calls.
#[derive(Clone, Debug)]
pub enum Step {
    /// A call arrives.
    Arrive {
        /// The size of its params.
        bytes: usize,
        /// Whether its method is ordered.
        ordered: bool,
    },
    /// A batch of calls arrives.
    Batch {
        /// The number of calls.
        entries: usize,
        /// The size of the params of each.
        bytes: usize,
        /// Whether their method is ordered.
        ordered: bool,
    },
    /// A call comes that the limits do not bound.
    Unlimited {
        /// Whether its method is.
        ordered: bool,
    },
    /// A handler ends.
    Finish(usize),
    /// A waiting call is cancelled.
    Cancel(usize),
    /// This many handlers await calls of their own.
    Wait(usize),
    /// The peer stops or resumes reading.
    Congest(bool),
    /// The connection ends.
    Drain,
}

/// Performs the steps in order.
///
/// # Panics
/// If a limit is exceeded, or if a call overtakes another that it must not overtake, or is forgotten.
pub fn check(steps: impl IntoIterator<Item = Step>) {
    let mut model = Model::new();
    for step in steps {
        model.run(&step);
        model.start_parked();
        model.check();
    }
}

/// A call with only the facts that the table needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BareCall {
    pub(crate) id: Option<Id>,
    pub(crate) batch: Option<usize>,
    pub(crate) ordered: bool,
}

impl IncomingCall for BareCall {
    fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    fn reply_batch(&self) -> Option<usize> {
        self.batch
    }

    fn is_ordered(&self) -> bool {
        self.ordered
    }
}

/// A call. Every fifth is a notification, which gets no reply.
#[derive(Clone, Copy)]
struct Call {
    number: u64,
    ordered: bool,
    batch: Option<usize>,
    /// Of its params; `None` if the limits do not bound it.
    bytes: Option<usize>,
}

impl Call {
    fn id(self) -> Option<Id> {
        (!self.number.is_multiple_of(5)).then(|| Id::number(self.number))
    }

    fn reply(self) -> String {
        self.id().map_or(String::new(), |id| id.to_string())
    }

    fn bare(self) -> BareCall {
        BareCall { id: self.id(), batch: self.batch, ordered: self.ordered }
    }
}

/// The running and waiting calls as plain lists, beside the table.
struct Model {
    table: IncomingCalls<BareCall, u64>,
    limits: Limits,
    /// With their keys.
    running: Vec<(usize, Call)>,
    /// In order of arrival.
    parked: Vec<Call>,
    /// The number of open entries, and the replies of the others.
    batches: BTreeMap<usize, (usize, Vec<String>)>,
    next: u64,
    waiting: usize,
    /// How many have produced streams at once.
    most_producing: usize,
    congested: bool,
}

impl Model {
    fn new() -> Self {
        let mut limits = Limits::default();
        (limits.max_in_flight, limits.max_open, limits.max_parked_bytes) = (3, 8, 600);
        Self {
            table: IncomingCalls::new(),
            limits,
            running: Vec::new(),
            parked: Vec::new(),
            batches: BTreeMap::new(),
            next: 0,
            waiting: 0,
            most_producing: 0,
            congested: false,
        }
    }

    fn load(&self) -> Load {
        Load { waiting: self.waiting, producing: self.producing(), congested: self.congested }
    }

    /// Every second handler that holds no slot produces a stream.
    fn producing(&self) -> usize {
        self.waiting / 2
    }

    fn lane_taken(&self) -> bool {
        self.running.iter().any(|(_, call)| call.ordered)
    }

    fn slot_free(&self) -> bool {
        self.running.len() - self.waiting < self.limits.max_in_flight && !self.congested
    }

    fn parked_bytes(&self) -> usize {
        self.parked.iter().filter_map(|call| call.bytes).sum()
    }

    /// Of those that the limits bound, how many run and how many wait.
    fn limited(&self) -> (usize, usize) {
        let running = self.running.iter().filter(|(_, call)| call.bytes.is_some()).count();
        (running, self.parked.iter().filter(|call| call.bytes.is_some()).count())
    }

    /// The index of the next call that may run.
    fn turn(&self) -> Option<usize> {
        let may_start = |call: &Call| !(call.ordered && self.lane_taken());
        self.parked.iter().position(may_start).filter(|_| self.slot_free())
    }

    /// The expected decision about a call that arrives now.
    fn expected(&self, call: Call) -> Admission {
        let runs = self.slot_free() && self.turn().is_none() && !(call.ordered && self.lane_taken());
        let Some(bytes) = call.bytes else { return if runs { Admission::Run } else { Admission::Park } };
        let (_, parked) = self.limited();
        let room = self.running.len() - self.producing() + parked < self.limits.max_open;
        let fits =
            parked < self.limits.max_in_flight && self.parked_bytes() + bytes <= self.limits.max_parked_bytes;
        match room {
            true if runs => Admission::Run,
            true if fits => Admission::Park,
            _ => Admission::Refuse,
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Arrive { bytes, ordered } => self.arrive(Some(bytes), ordered, None),
            Step::Unlimited { ordered } => self.arrive(None, ordered, None),
            Step::Batch { entries, bytes, ordered } => {
                let key = self.table.open_batch(entries, usize::MAX);
                assert!(self.batches.insert(key, (entries, Vec::new())).is_none(), "the key is taken");
                (0..entries).for_each(|_| self.arrive(Some(bytes), ordered, Some(key)));
            }
            Step::Finish(index) if !self.running.is_empty() => {
                let (key, call) = self.running.swap_remove(index % self.running.len());
                let due = self.table.finish(key, call.reply().as_bytes());
                self.answered(call, due);
            }
            Step::Cancel(index) if !self.parked.is_empty() => {
                let index = index % self.parked.len();
                let Some(id) = self.parked[index].id() else { return };
                let call = self.parked.remove(index);
                let key = self.table.parked(&id).expect("it waits");
                let due = self.table.finish(key, call.reply().as_bytes());
                self.answered(call, due);
            }
            Step::Finish(_) | Step::Cancel(_) => {}
            Step::Wait(count) => self.waiting = count,
            Step::Congest(congested) => self.congested = congested,
            Step::Drain => {
                assert_eq!(self.table.drain().count(), self.running.len() + self.parked.len());
                *self = Self {
                    next: self.next,
                    table: std::mem::replace(&mut self.table, IncomingCalls::new()),
                    ..Self::new()
                };
            }
        }
        self.waiting = self.waiting.min(self.running.len());
        self.most_producing = self.most_producing.max(self.producing());
    }

    fn arrive(&mut self, bytes: Option<usize>, ordered: bool, batch: Option<usize>) {
        let call = Call { number: self.next, ordered, batch, bytes };
        self.next += 1;
        let admission = match bytes {
            Some(bytes) => self.table.admit(ordered, bytes, self.load(), &self.limits),
            None => self.table.admit_unlimited(ordered, self.load(), &self.limits),
        };
        assert_eq!(admission, self.expected(call));
        match admission {
            Admission::Run => self.running.push((self.table.insert(call.bare()), call)),
            Admission::Park => {
                self.table.park(call.bare(), call.number, bytes);
                self.parked.push(call);
            }
            Admission::Refuse => {
                if let Some(key) = batch {
                    let due = self.table.due(Some(key), call.reply().as_bytes(), None);
                    self.answered(call, due);
                }
            }
        }
    }

    /// A reply goes where its call came from. For the last call of a batch it is an array.
    fn answered(&mut self, call: Call, due: Due) {
        let reply = call.reply();
        let Some(key) = call.batch else {
            return assert_eq!(matches!(due, Due::Frame), !reply.is_empty());
        };
        let (left, replies) = self.batches.get_mut(&key).expect("its batch is open");
        *left -= 1;
        replies.extend(Some(reply).filter(|reply| !reply.is_empty()));
        if *left > 0 {
            return assert!(matches!(due, Due::Later));
        }
        let (_, replies) = self.batches.remove(&key).expect("it was there");
        match due {
            Due::Batch(array, _) => assert_eq!(array, format!("[{}]", replies.join(","))),
            due => assert!(matches!(due, Due::Nothing) && replies.is_empty()),
        }
    }

    fn start_parked(&mut self) {
        while let Some(key) = self.table.next_parked(self.load(), &self.limits) {
            let start = self.table.unpark(key).expect("it waits");
            let index = self.turn().expect("nobody's turn has come");
            let call = self.parked.remove(index);
            assert_eq!(start, call.number);
            self.running.push((key, call));
        }
        assert_eq!(self.turn(), None, "somebody was forgotten");
    }

    fn check(&self) {
        let (running, parked) = (self.running.len(), self.parked.len());
        assert_eq!(self.table.len(), running + parked);
        let limited = self.limited();
        assert!(limited.0 + limited.1 <= self.limits.max_open + self.most_producing);
        assert!(limited.1 <= self.limits.max_in_flight);
        assert!(self.running.iter().filter(|(_, call)| call.ordered).count() <= 1, "two in the lane");
        let replies = self.batches.values().flat_map(|(_, replies)| replies);
        assert_eq!(self.table.batch_bytes(), replies.map(String::len).sum::<usize>());
        for id in self.running.iter().filter_map(|(_, call)| call.id()) {
            assert!(self.table.running(&id).is_some() && self.table.parked(&id).is_none());
        }
    }
}
