//! Handles of metrics, made once for each recorder, method, direction and outcome: asking a recorder for a
//! handle costs as much as a call.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use metrics::{Counter, Gauge, Histogram, IntoF64, counter, gauge, histogram};

use super::super::End;
use crate::message::{Answer, ErrorCode};

/// The number of recorders for which handles are kept in one place. A process has one, and a test may set
/// another for its thread. For further recorders the handles are made for each call.
const MAX_RECORDERS: usize = 4;

/// Which recorder the current thread has: the process's, its own, or none. Handles made before a recorder is
/// installed never have an effect, so each use compares their recorder with the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecorderId(usize);

impl RecorderId {
    pub(super) fn current() -> Self {
        Self(metrics::with_recorder(|recorder| std::ptr::from_ref(recorder).cast::<()>().addr()))
    }
}

/// A value that is made once for each recorder and is read without a lock.
pub(super) struct PerRecorder<T>(OnceLock<Box<Node<T>>>);

struct Node<T> {
    recorder: RecorderId,
    made: T,
    next: PerRecorder<T>,
}

impl<T> Default for PerRecorder<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> PerRecorder<T> {
    /// Returns the value for a recorder and makes it if necessary. `None` if too many are kept already.
    pub(super) fn get(&self, recorder: RecorderId, make: impl Fn() -> T) -> Option<&T> {
        let mut list = self;
        for _ in 0..MAX_RECORDERS {
            let new = || Box::new(Node { recorder, made: make(), next: Self::default() });
            let node = list.0.get_or_init(new);
            if node.recorder == recorder {
                return Some(&node.made);
            }
            list = &node.next;
        }
        None
    }
}

/// The metrics of one method in one direction.
pub(super) struct Handles {
    recorder: RecorderId,
    method: Arc<str>,
    direction: &'static str,
    pub(super) in_flight: Gauge,
    pub(super) duration: Histogram,
    /// The counters of calls with a result and of calls with each other outcome. They are made when they are
    /// first needed, so that there is no series for an outcome that has not occurred.
    ok: OnceLock<Counter>,
    others: Mutex<Vec<(Outcome, Counter)>>,
}

impl Handles {
    /// Makes the handles of the current recorder.
    pub(super) fn new(recorder: RecorderId, method: Arc<str>, direction: &'static str) -> Self {
        let label = method.clone();
        Self {
            recorder,
            method,
            direction,
            in_flight: gauge!("birpc_calls_in_flight", "direction" => direction),
            duration: histogram!("birpc_call_duration_seconds", "method" => label, "direction" => direction),
            ok: OnceLock::new(),
            others: Mutex::default(),
        }
    }

    pub(super) fn count(&self, outcome: Outcome) {
        let counter = || outcome.counter(self.method.clone(), self.direction);
        if RecorderId::current() != self.recorder {
            // The call ended on a thread with another recorder.
            return counter().increment(1);
        }
        if outcome == Outcome::OK {
            return self.ok.get_or_init(counter).increment(1);
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = others.iter().find(|(known, _)| *known == outcome) {
            return counter.increment(1);
        }
        let counter = counter();
        counter.increment(1);
        others.push((outcome, counter));
    }
}

/// Whether the current recorder, which made the gauge, records anything. `metrics` has no such question, but
/// its recorder that does nothing has no size and makes gauges that ignore their values.
pub(super) fn is_live(gauge: &Gauge) -> bool {
    struct Asked<'a>(&'a mut bool);

    impl IntoF64 for Asked<'_> {
        fn into_f64(self) -> f64 {
            *self.0 = true;
            0.0
        }
    }

    let mut asked = false;
    gauge.increment(Asked(&mut asked));
    asked || metrics::with_recorder(|recorder| size_of_val(recorder) > 0)
}

/// How a call ended, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome(&'static str);

impl Outcome {
    const OK: Self = Self("ok");

    pub(super) fn of(end: End) -> Self {
        Self(match end {
            End::Answered(Answer::Result) => return Self::OK,
            End::Answered(Answer::Error(code)) => {
                ErrorCode::from_number(code).map_or("error", ErrorCode::kind)
            }
            End::Undecodable => "undecodable",
            End::Cancelled => "cancelled",
            End::TimedOut => "timed_out",
            End::Disconnected => "disconnected",
        })
    }

    pub(super) fn label(self) -> &'static str {
        self.0
    }

    pub(super) fn counter(self, method: Arc<str>, direction: &'static str) -> Counter {
        let outcome = self.0;
        counter!("birpc_calls_total", "method" => method, "direction" => direction, "outcome" => outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_is_said() {
        let kept = PerRecorder::default();
        for number in 0..MAX_RECORDERS {
            assert_eq!(kept.get(RecorderId(number), || number), Some(&number));
        }
        assert_eq!(kept.get(RecorderId(99), || 99), None);
        assert_eq!(kept.get(RecorderId(1), || 7), Some(&1), "it was made before");
    }
}
