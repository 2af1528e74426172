//! Counts calls by method, and keeps the latest errors, while somebody watches.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use birpc_core::__private::crates::excerpt;
use birpc_core::__private::crates::inspect::{CallOutcome, EndedCall};
use rustc_hash::FxHashMap;

use crate::clock::now_ms;
use crate::contract::ErrorRow;
use crate::histogram::Histogram;

/// The number of methods that are counted, in each direction. Calls of others are counted under one name: a
/// peer can make an application that forwards calls use any number of names.
pub(crate) const MAX_METHODS: usize = 256;

/// The number of characters of a method's name.
pub(crate) const MAX_NAME: usize = 200;

/// The name of all methods beyond [`MAX_METHODS`].
const OTHER: &str = "(other)";

/// The number of errors that are kept.
pub(crate) const MAX_ERRORS: usize = 50;

/// Connections on several threads seldom wait for each other's counts.
const SHARDS: usize = 8;

/// The calls of one method since the last sample.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    pub(crate) durations: Histogram,
}

/// By method: those that are served here, and those that are called from here.
#[derive(Debug, Default)]
pub(crate) struct ByMethod {
    pub(crate) served: FxHashMap<Box<str>, Tally>,
    pub(crate) called: FxHashMap<Box<str>, Tally>,
}

#[derive(Debug, Default)]
pub(crate) struct Tallies {
    shards: [Mutex<ByMethod>; SHARDS],
    errors: Mutex<Errors>,
}

#[derive(Debug, Default)]
struct Errors {
    number: u64,
    latest: VecDeque<ErrorRow>,
}

impl Tallies {
    pub(crate) fn count(&self, call: &EndedCall<'_>) {
        let failed = call.outcome != CallOutcome::Ok;
        let shard = &self.shards[call.connection as usize % SHARDS];
        locked(shard).of(call.is_served).tally(call.method).count(failed, call.took);
        if failed && call.outcome != CallOutcome::Cancelled {
            self.keep_error(call);
        }
    }

    fn keep_error(&self, call: &EndedCall<'_>) {
        let (code, what) = match call.outcome {
            CallOutcome::Error(code) => (Some(code), "error"),
            CallOutcome::Undecodable => (None, "undecodable reply"),
            CallOutcome::TimedOut => (None, "timed out"),
            CallOutcome::Disconnected => (None, "disconnected"),
            CallOutcome::Ok | CallOutcome::Cancelled => return,
        };
        let (at_ms, method) = (now_ms(), excerpt(call.method, MAX_NAME));
        let mut errors = locked(&self.errors);
        errors.number += 1;
        let (number, peer, served, what) = (errors.number, call.connection, call.is_served, what.into());
        errors.latest.push_back(ErrorRow { number, at_ms, peer, served, method, code, what });
        if errors.latest.len() > MAX_ERRORS {
            errors.latest.pop_front();
        }
    }

    /// The latest errors, the newest last.
    pub(crate) fn errors(&self) -> Vec<ErrorRow> {
        locked(&self.errors).latest.iter().cloned().collect()
    }

    /// Takes the counts since the last time.
    pub(crate) fn take(&self) -> ByMethod {
        let mut sum = ByMethod::default();
        for shard in &self.shards {
            let ByMethod { served, called } = std::mem::take(&mut *locked(shard));
            merge(&mut sum.served, served);
            merge(&mut sum.called, called);
        }
        sum
    }
}

impl ByMethod {
    fn of(&mut self, is_served: bool) -> Methods<'_> {
        Methods(if is_served { &mut self.served } else { &mut self.called })
    }
}

/// The methods of one direction, as calls are counted.
struct Methods<'a>(&'a mut FxHashMap<Box<str>, Tally>);

impl<'a> Methods<'a> {
    fn tally(self, method: &str) -> &'a mut Tally {
        let name = if method.len() <= MAX_NAME { method } else { OTHER };
        let known = self.0.contains_key(name) || self.0.len() < MAX_METHODS;
        self.0.entry(if known { name } else { OTHER }.into()).or_default()
    }
}

impl Tally {
    fn count(&mut self, failed: bool, took: Duration) {
        self.calls += 1;
        self.failed += u64::from(failed);
        self.durations.record(took);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.durations.add(&other.durations);
    }
}

/// Adds counts. What exceeds [`MAX_METHODS`] is added under one name.
pub(crate) fn merge(into: &mut FxHashMap<Box<str>, Tally>, more: FxHashMap<Box<str>, Tally>) {
    for (name, tally) in more {
        Methods(into).tally(&name).add(&tally);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(connection: u64, method: &str, outcome: CallOutcome) -> EndedCall<'_> {
        EndedCall { connection, is_served: true, method, outcome, took: Duration::from_millis(3) }
    }

    #[test]
    fn calls_of_all_connections_are_counted_once() {
        let tallies = Tallies::default();
        for connection in 0..20 {
            tallies.count(&ended(connection, "add", CallOutcome::Ok));
            tallies.count(&ended(connection, "add", CallOutcome::Error(7)));
        }
        let taken = tallies.take();
        let add = &taken.served["add"];
        assert_eq!((add.calls, add.failed, taken.called.len()), (40, 20, 0));
        assert!(add.durations.quantile(0.5) >= Some(3000));
        assert!(tallies.take().served.is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let tallies = Tallies::default();
        for n in 0..1000 {
            tallies.count(&ended(n, &format!("relayed{n}"), CallOutcome::TimedOut));
        }
        tallies.count(&ended(1, &"x".repeat(1 << 20), CallOutcome::Error(1)));
        let taken = tallies.take();
        assert!(taken.served.len() <= MAX_METHODS + 1, "{}", taken.served.len());
        assert_eq!(taken.served.values().map(|tally| tally.calls).sum::<u64>(), 1001);
        let errors = tallies.errors();
        assert_eq!((errors.len(), errors[0].number), (MAX_ERRORS, 1002 - MAX_ERRORS as u64));
        assert!(errors.iter().all(|error| error.method.len() <= MAX_NAME + 3));
    }
}
