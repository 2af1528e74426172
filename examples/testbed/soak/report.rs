//! The counts of actions, and the failures.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard};

/// The outcome of a check: a measurement, or the reason of the failure.
pub(crate) type Outcome = Result<String, String>;

#[derive(Default)]
pub(crate) struct Report {
    /// Whether a check of time may fail.
    strict: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counts: BTreeMap<&'static str, u64>,
    wrong: u64,
    failed: bool,
}

/// The number of unexpected outcomes that are shown; the others are only counted.
const SHOWN: u64 = 20;

/// The number of characters shown of each.
const SHOWN_OF_EACH: usize = 300;

impl Report {
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict, ..Self::default() }
    }

    pub(crate) fn count(&self, what: &'static str) {
        *self.state().counts.entry(what).or_default() += 1;
    }

    /// Records an unexpected outcome of the load.
    pub(crate) fn wrong(&self, what: &str) {
        let mut state = self.state();
        state.wrong += 1;
        if state.wrong <= SHOWN {
            println!("wrong: {}", what.chars().take(SHOWN_OF_EACH).collect::<String>());
        }
    }

    /// Prints the outcome of a check.
    pub(crate) fn check(&self, name: &str, outcome: Outcome) {
        match outcome {
            Ok(measured) if measured.is_empty() => println!("ok - {name}"),
            Ok(measured) => println!("ok - {name}: {measured}"),
            Err(why) => {
                println!("not ok - {name}: {why}");
                self.state().failed = true;
            }
        }
    }

    /// Prints the outcome of a check of time. Other work on the machine can spoil it, so it fails only in a
    /// strict run.
    pub(crate) fn check_time(&self, name: &str, outcome: Outcome) {
        match outcome {
            Err(measured) if !self.strict => println!("slow - {name}: {measured}; `--strict` fails here"),
            outcome => self.check(name, outcome),
        }
    }

    /// Prints the counts of the load, and checks that there were no unexpected outcomes.
    pub(crate) fn load_is_over(&self) {
        for (what, count) in &self.state().counts {
            println!("  {count:>9}  {what}");
        }
        self.check("everything had the outcome that it must have", self.outcome());
    }

    /// Whether all outcomes were as expected.
    pub(crate) fn outcome(&self) -> Outcome {
        match self.state().wrong {
            0 => Ok(String::new()),
            wrong => Err(format!("{wrong} had another")),
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.state().failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under the lock")
    }
}
