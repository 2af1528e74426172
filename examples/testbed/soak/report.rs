//! What was done, how often, and what was found wrong.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard};

/// A check's outcome: what was measured, or why it failed.
pub(crate) type Outcome = Result<String, String>;

#[derive(Default)]
pub(crate) struct Report {
    /// Whether what took too long has failed.
    strict: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counts: BTreeMap<&'static str, u64>,
    wrong: u64,
    failed: bool,
}

/// As many unexpected outcomes are shown; the others are counted.
const SHOWN: u64 = 20;

/// Characters of one.
const SHOWN_OF_EACH: usize = 300;

impl Report {
    pub(crate) fn new(strict: bool) -> Self {
        Self { strict, ..Self::default() }
    }

    pub(crate) fn count(&self, what: &'static str) {
        *self.state().counts.entry(what).or_default() += 1;
    }

    /// Something in the load had another outcome than it must have.
    pub(crate) fn wrong(&self, what: &str) {
        let mut state = self.state();
        state.wrong += 1;
        if state.wrong <= SHOWN {
            println!("wrong: {}", what.chars().take(SHOWN_OF_EACH).collect::<String>());
        }
    }

    /// Prints one check.
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

    /// Prints one check of how long something took. A machine that does something else meanwhile spoils it,
    /// so it is told, and fails only a strict run.
    pub(crate) fn check_time(&self, name: &str, outcome: Outcome) {
        match outcome {
            Err(measured) if !self.strict => println!("slow - {name}: {measured}; `--strict` fails here"),
            outcome => self.check(name, outcome),
        }
    }

    /// Prints what the load did, and checks that all of it had the outcome that it must have.
    pub(crate) fn load_is_over(&self) {
        for (what, count) in &self.state().counts {
            println!("  {count:>9}  {what}");
        }
        self.check("everything had the outcome that it must have", self.outcome());
    }

    /// Whether all that was done had the outcome that it must have.
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
