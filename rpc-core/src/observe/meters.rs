//! Counters, gauges and histograms of the `metrics` crate.
//!
//! A peer cannot create label values without bound. A method that is served is labelled with its name if a
//! router here serves it. A method that is called is labelled with its name if the name is short and among
//! the first [`MAX_NAMES`] that were called. An error is labelled with the name of its code if the code is
//! one of the framework's.
//!
//! A connection keeps the handles that its calls need. Without a recorder, a call costs two checks whether
//! there is one.

mod handles;
mod streams;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Gauge, counter, gauge, histogram};
use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::{Direction, End};
use crate::message::Answer;
use crate::transport::Traffic;
use handles::{Handles, Outcome, PerRecorder, RecorderId, is_live};
use streams::StreamHandles;

pub(super) use streams::StreamMeter;

/// The number of names of called methods that become labels. A peer can make an application that forwards
/// calls use any number of names.
const MAX_NAMES: usize = 1000;

/// The largest number of bytes of such a name. Each name is kept until the process ends.
const MAX_NAME: usize = 200;

/// The number of methods for which a connection keeps handles, in each direction.
const MAX_KEPT: usize = 256;

/// The label of a method whose name is not a label.
const OTHER: &str = "(other)";

static NAMES: LazyLock<Names> = LazyLock::new(Names::default);

/// The handles of the metrics that the calls of one connection need.
#[derive(Default)]
pub(crate) struct Meters(PerRecorder<Kept>);

struct Kept {
    /// Whether there is a recorder. Without one nothing is measured.
    live: bool,
    served: Mutex<Table<Handles>>,
    called: Mutex<Table<Handles>>,
    consumed: Mutex<Table<StreamHandles>>,
    produced: Mutex<Table<StreamHandles>>,
    reports_received: Mutex<Table<Counter>>,
    reports_sent: Mutex<Table<Counter>>,
}

type Table<T> = FxHashMap<Box<str>, Arc<T>>;

/// Counts its call when dropped.
pub(super) struct CallMeter {
    call: Metered,
    end: End,
}

enum Metered {
    Heard {
        handles: Arc<Handles>,
        began: Instant,
    },
    /// A call of the peer that began while there was no recorder except this one, which records nothing.
    UnheardServed(Arc<str>, RecorderId),
    /// A call of ours that began while there was no recorder.
    UnheardCalled,
}

impl Kept {
    fn new() -> Self {
        let in_flight = gauge!("birpc_calls_in_flight", "direction" => "in");
        Self {
            live: is_live(&in_flight),
            served: Mutex::default(),
            called: Mutex::default(),
            consumed: Mutex::default(),
            produced: Mutex::default(),
            reports_received: Mutex::default(),
            reports_sent: Mutex::default(),
        }
    }

    fn served(&self, recorder: RecorderId, method: &Arc<str>) -> Arc<Handles> {
        kept(&self.served, method, || Handles::new(recorder, method.clone(), "in"))
    }

    fn called(&self, recorder: RecorderId, method: &str) -> Arc<Handles> {
        kept(&self.called, method, || Handles::new(recorder, NAMES.bounded(method), "out"))
    }

    fn streams(&self, method: &Arc<str>, direction: Direction) -> Arc<StreamHandles> {
        let table = match direction {
            Direction::In => &self.consumed,
            Direction::Out => &self.produced,
        };
        kept(table, method, || StreamHandles::new(method.clone(), direction.label()))
    }

    fn reports(&self, method: &Arc<str>, direction: Direction) -> Arc<Counter> {
        let (table, direction) = match direction {
            Direction::In => (&self.reports_received, "in"),
            Direction::Out => (&self.reports_sent, "out"),
        };
        let name = "birpc_progress_reports_total";
        kept(table, method, || counter!(name, "method" => method.clone(), "direction" => direction))
    }
}

fn kept<T>(table: &Mutex<Table<T>>, method: &str, new: impl FnOnce() -> T) -> Arc<T> {
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handles) = table.get(method) {
        return handles.clone();
    }
    let handles = Arc::new(new());
    if table.len() < MAX_KEPT {
        table.insert(method.into(), handles.clone());
    }
    handles
}

impl Meters {
    /// Passes the handles for the current recorder to `get`, if that recorder records anything.
    fn with<R>(&self, recorder: RecorderId, get: impl FnOnce(&Kept) -> R) -> Option<R> {
        match self.0.get(recorder, Kept::new) {
            Some(kept) => kept.live.then(|| get(kept)),
            // This thread's recorder changes often.
            None => Some(Kept::new()).filter(|kept| kept.live).map(|kept| get(&kept)),
        }
    }
}

impl CallMeter {
    pub(super) fn served(meters: &Meters, method: &Arc<str>) -> Self {
        let recorder = RecorderId::current();
        let handles = meters.with(recorder, |kept| kept.served(recorder, method));
        let unheard = || Metered::UnheardServed(method.clone(), recorder);
        Self { call: handles.map_or_else(unheard, Metered::heard), end: End::Cancelled }
    }

    pub(super) fn called<'a>(meters: &Meters, method: &impl Fn() -> Cow<'a, str>) -> Self {
        let recorder = RecorderId::current();
        let handles = meters.with(recorder, |kept| kept.called(recorder, &method()));
        Self { call: handles.map_or(Metered::UnheardCalled, Metered::heard), end: End::Cancelled }
    }

    pub(super) fn end(mut self, end: End) {
        self.end = end;
    }
}

impl Metered {
    fn heard(handles: Arc<Handles>) -> Self {
        handles.in_flight.increment(1);
        Self::Heard { handles, began: Instant::now() }
    }
}

impl Drop for CallMeter {
    fn drop(&mut self) {
        let outcome = Outcome::of(self.end);
        match &self.call {
            Metered::Heard { handles, began } => {
                handles.in_flight.decrement(1);
                handles.duration.record(began.elapsed());
                handles.count(outcome);
            }
            // A recorder that was installed meanwhile counts the call, but has not counted it as in flight
            // before.
            Metered::UnheardServed(method, nobody) => {
                if RecorderId::current() != *nobody {
                    outcome.counter(method.clone(), "in").increment(1);
                }
            }
            Metered::UnheardCalled => {}
        }
    }
}

/// Counts a call of the peer that was refused before it was admitted. `method` is `None` for an unknown
/// method.
pub(crate) fn count_refused(meters: &Meters, method: Option<&Arc<str>>, code: i64) {
    let recorder = RecorderId::current();
    let handles = meters.with(recorder, |kept| match method {
        Some(method) => kept.served(recorder, method),
        None => kept.served(recorder, &OTHER.into()),
    });
    if let Some(handles) = handles {
        handles.count(Outcome::of(End::Answered(Answer::Error(code))));
    }
}

/// Counts reports of progress.
pub(super) fn count_reports(meters: &Meters, method: &Arc<str>, direction: Direction, number: u64) {
    if let Some(counter) = meters.with(RecorderId::current(), |kept| kept.reports(method, direction)) {
        counter.increment(number);
    }
}

/// The name of a called method, as a label.
pub(super) fn called_label(method: &str) -> Arc<str> {
    NAMES.bounded(method)
}

/// The names of called methods, as labels.
#[derive(Default)]
struct Names(RwLock<HashSet<Arc<str>>>);

impl Names {
    fn bounded(&self, method: &str) -> Arc<str> {
        if method.len() > MAX_NAME {
            return OTHER.into();
        }
        if let Some(name) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(method) {
            return name.clone();
        }
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MAX_NAMES {
            return OTHER.into();
        }
        let name: Arc<str> = method.into();
        names.insert(name.clone());
        name
    }
}

/// The traffic of a connection, reported once a turn to the recorder that was installed first.
pub(crate) struct ConnectionMeter {
    recorder: RecorderId,
    /// Whether that recorder records anything. Until one does, each turn looks for one.
    live: bool,
    connections: Gauge,
    received: Counter,
    sent: Counter,
    queued: Gauge,
    /// What has been reported.
    traffic: Traffic,
    queued_bytes: usize,
}

impl ConnectionMeter {
    pub(crate) fn begin() -> Self {
        let connections = gauge!("birpc_connections");
        connections.increment(1);
        Self {
            recorder: RecorderId::current(),
            live: is_live(&connections),
            connections,
            received: counter!("birpc_received_bytes_total"),
            sent: counter!("birpc_sent_bytes_total"),
            queued: gauge!("birpc_queued_bytes"),
            traffic: Traffic::default(),
            queued_bytes: 0,
        }
    }

    pub(crate) fn turn(&mut self, traffic: Traffic, queued_bytes: impl FnOnce() -> usize) {
        if !self.live && RecorderId::current() != self.recorder {
            let told = self.traffic;
            *self = Self::begin();
            self.traffic = told;
        }
        let told = std::mem::replace(&mut self.traffic, traffic);
        if !self.live {
            return;
        }
        self.received.increment(traffic.received.saturating_sub(told.received));
        self.sent.increment(traffic.sent.saturating_sub(told.sent));
        let queued_bytes = queued_bytes();
        // The gauge is the sum over all connections; this one adds the change of its share.
        self.queued.increment(queued_bytes as f64 - self.queued_bytes as f64);
        self.queued_bytes = queued_bytes;
    }

    pub(crate) fn round_trip(&self, round_trip: Duration) {
        histogram!("birpc_round_trip_seconds").record(round_trip);
    }
}

impl Drop for ConnectionMeter {
    fn drop(&mut self) {
        self.connections.decrement(1);
        self.queued.decrement(self.queued_bytes as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A peer can make an application that forwards calls use any name.
    #[test]
    fn names_that_become_labels_are_bounded() {
        let names = Names::default();
        for n in 0..MAX_NAMES {
            assert_eq!(&*names.bounded(&format!("relayed{n}")), format!("relayed{n}"));
        }
        assert_eq!(&*names.bounded("one more"), OTHER);
        assert_eq!(&*Names::default().bounded(&"x".repeat(MAX_NAME + 1)), OTHER);
        assert_eq!(&*names.bounded("relayed0"), "relayed0");
        assert_eq!(names.0.read().map(|names| names.len()).ok(), Some(MAX_NAMES));
    }
}
