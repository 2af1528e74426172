//! Counts checks: those that scripts print, whose lines are forwarded, and those that a command makes itself.

use std::{
    fmt,
    process::{Command, ExitCode},
    time::Duration,
};

use crate::process::Process;

/// The time limit of a script, unless it needs more.
const SCRIPT_LIMIT: Duration = Duration::from_secs(60);

/// The results so far.
pub(crate) struct Tally {
    /// The command that makes the checks.
    command: &'static str,
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    pub(crate) fn new(command: &'static str) -> Self {
        Self { command, passed: 0, failed: 0, skipped: 0 }
    }

    /// Runs a script until it ends or reaches its time limit, and counts the checks that it prints.
    ///
    /// A script that fails without reporting a failed check counts as one failure, and so does a script
    /// without any checks.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) {
        self.run_within(SCRIPT_LIMIT, name, command);
    }

    /// The same with another time limit.
    pub(crate) fn run_within(&mut self, limit: Duration, name: &str, command: &mut Command) {
        let process = Process::start(name, command);
        self.count_all(limit, name, process);
    }

    /// The same for scripts that run in parallel. Their lines are forwarded one script after the other.
    pub(crate) fn run_together(&mut self, scripts: Vec<(String, Command)>) {
        let start = |(name, mut command): (String, Command)| {
            let process = Process::start(&name, &mut command);
            (name, process)
        };
        let running: Vec<_> = scripts.into_iter().map(start).collect();
        for (name, process) in running {
            self.count_all(SCRIPT_LIMIT, &name, process);
        }
    }

    /// Counts the checks of a process until it ends.
    fn count_all(&mut self, limit: Duration, name: &str, process: Result<Process, String>) {
        println!("# {name}");
        let (passed, failed) = (self.passed, self.failed);
        let outcome = process.and_then(|process| self.follow(limit, process));
        let (passed, failed) = (self.passed - passed, self.failed - failed);
        match outcome {
            Err(why) => self.fail(name, &why),
            Ok(Some(why)) if failed == 0 => self.fail(name, &why),
            Ok(_) if passed + failed == 0 => self.fail(name, "it ended without having checked anything"),
            Ok(_) => {}
        }
    }

    /// Counts a passed check of the command itself.
    pub(crate) fn pass(&mut self, name: &str) {
        println!("ok - {name}");
        self.passed += 1;
    }

    /// Counts a failed check of the command itself.
    pub(crate) fn fail(&mut self, name: &str, why: &str) {
        println!("not ok - {name}: {why}");
        self.failed += 1;
    }

    /// Counts checks that could not be made because a tool is missing.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        println!("SKIPPED - {name}: {why}");
        self.skipped += 1;
    }

    pub(crate) fn failed(&self) -> usize {
        self.failed
    }

    /// Failure if a check failed, or if `strict` is set and a check could not be made.
    pub(crate) fn exit_code(&self, strict: bool) -> ExitCode {
        if self.failed > 0 || (strict && self.skipped > 0) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    /// Counts the checks of a script. Returns a text if its exit status is not 0.
    fn follow(&mut self, limit: Duration, mut process: Process) -> Result<Option<String>, String> {
        let status = process.follow(limit, |line| self.count(line))?;
        Ok((!status.success()).then(|| format!("it ended with {status} before all its checks were made")))
    }

    fn count(&mut self, line: &str) {
        println!("{line}");
        if line.starts_with("ok - ") {
            self.passed += 1;
        } else if line.starts_with("not ok - ") {
            self.failed += 1;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, passed, failed, skipped } = self;
        write!(f, "{command}: {passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_checks_are_counted() {
        let mut tally = Tally::new("interop");
        for line in ["ok - a", "ok - b", "not ok - c: why", "# ok - d", "okay - e", ""] {
            tally.count(line);
        }
        tally.skip("f", "no node");
        assert_eq!(tally.to_string(), "interop: 2 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn a_script_that_cannot_be_run_has_failed() {
        let mut tally = Tally::new("interop");
        tally.run("none", &mut Command::new("/no/such/program"));
        assert_eq!(tally.failed(), 1);
    }

    #[test]
    fn skipped_checks_fail_only_when_strict() {
        let mut tally = Tally::new("interop");
        tally.skip("f", "no node");
        assert_eq!(tally.exit_code(false), ExitCode::SUCCESS);
        assert_eq!(tally.exit_code(true), ExitCode::FAILURE);
    }
}
