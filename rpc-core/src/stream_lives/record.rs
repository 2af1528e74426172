//! Records what producers, consumers and callers have seen, for the checks at the end.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use super::ends::Item;
use super::plan::{CallPlan, Plan};
use crate::error::CallError;
use crate::message::ErrorObject;
use crate::peer::CallHandle;
use crate::streaming::StreamError;

/// The calls of a connection.
#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: Plan,
    records: Vec<Mutex<Record>>,
    /// The senders of channels that stay open.
    senders: Mutex<Vec<broadcast::Sender<Item>>>,
}

/// The record of one call.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) stage: Stage,
    pub(super) result: Track,
    pub(super) argument: Track,
    /// What the handler answers, once it has returned.
    pub(super) answer: Option<Answer>,
    /// The outcome at the caller.
    pub(super) outcome: Option<Outcome>,
    /// The number of handlers that exist: one or none.
    pub(super) handlers: usize,
    pub(super) handle: Option<CallHandle>,
    /// Whether the caller gave it up before its end.
    pub(super) is_given_up: bool,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    #[default]
    New,
    /// It was polled.
    Called,
    /// Its handler has begun.
    Served,
    /// Its result is open.
    Opened,
    /// An item of either stream has been taken.
    Flowing,
    Over,
}

/// A stream, from its producer to its consumer.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// Items that its source has given.
    pub(super) made: usize,
    /// How its source ended.
    pub(super) said: Option<Said>,
    /// The number of sources that exist: one or none.
    pub(super) sources: usize,
    /// Items that its consumer has taken.
    pub(super) got: usize,
    pub(super) seen: Option<Seen>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Complete,
    /// With this code.
    Failed(i64),
    Panicked,
    Lagged(u64),
}

#[derive(Debug)]
pub(super) enum Seen {
    /// `None`: complete.
    End(Option<StreamError<ErrorObject>>),
    Dropped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// So many items were read.
    Read(usize),
    Refused,
    Panicked,
    /// A stream, whose end is the answer.
    Stream,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Read(usize),
    Opened,
    Failed(CallError<ErrorObject>),
}

/// Which stream of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Result,
    Argument,
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        let records = plan.calls.iter().map(|_| Mutex::default()).collect();
        Self { plan, records, senders: Mutex::default() }
    }

    pub(super) fn call(&self, index: usize) -> &CallPlan {
        &self.plan.calls[index]
    }

    pub(super) fn record(&self, index: usize) -> MutexGuard<'_, Record> {
        self.records[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a channel open.
    pub(super) fn keep(&self, sender: broadcast::Sender<Item>) {
        self.senders.lock().expect("nothing panics under the lock").push(sender);
    }

    /// The number of streams that still read such a channel.
    pub(super) fn listeners(&self) -> usize {
        let senders = self.senders.lock().expect("nothing panics under the lock");
        senders.iter().map(broadcast::Sender::receiver_count).sum()
    }

    pub(super) fn reach(&self, index: usize, stage: Stage) {
        let mut record = self.record(index);
        record.stage = record.stage.max(stage);
    }
}

impl Record {
    pub(super) fn track(&mut self, which: Which) -> &mut Track {
        match which {
            Which::Result => &mut self.result,
            Which::Argument => &mut self.argument,
        }
    }

    /// Whether a handler or a producer of the call exists.
    pub(super) fn is_alive(&self) -> bool {
        self.handlers + self.result.sources + self.argument.sources > 0
    }
}
