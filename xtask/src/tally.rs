//! Counts checks: those that a script prints, whose lines are passed on, and those that a command makes
//! itself.

use std::{
    fmt,
    process::{Command, ExitCode},
    time::Duration,
};

use crate::process::Process;

/// How long one script may take for all its checks.
const SCRIPT_LIMIT: Duration = Duration::from_secs(60);

/// What the checks came to so far.
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

    /// Runs a script to its end, or to its time limit, and counts the checks that it prints.
    ///
    /// A script that ends badly without having said that a check failed counts as one failure, and so does
    /// one that checked nothing: neither may look like success.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) {
        let process = Process::start(name, command);
        self.count_all(name, process);
    }

    /// The same for scripts that run at the same time; their lines are passed on one script after the other.
    pub(crate) fn run_together(&mut self, scripts: Vec<(String, Command)>) {
        let start = |(name, mut command): (String, Command)| {
            let process = Process::start(&name, &mut command);
            (name, process)
        };
        let running: Vec<_> = scripts.into_iter().map(start).collect();
        for (name, process) in running {
            self.count_all(&name, process);
        }
    }

    /// Counts what a process has to say until it ends.
    fn count_all(&mut self, name: &str, process: Result<Process, String>) {
        println!("# {name}");
        let (passed, failed) = (self.passed, self.failed);
        let outcome = process.and_then(|process| self.follow(process));
        let (passed, failed) = (self.passed - passed, self.failed - failed);
        match outcome {
            Err(why) => self.fail(name, &why),
            Ok(Some(why)) if failed == 0 => self.fail(name, &why),
            Ok(_) if passed + failed == 0 => self.fail(name, "it ended without having checked anything"),
            Ok(_) => {}
        }
    }

    /// Counts one check that no script reported.
    pub(crate) fn pass(&mut self, name: &str) {
        println!("ok - {name}");
        self.passed += 1;
    }

    /// Counts one failure that no script reported.
    pub(crate) fn fail(&mut self, name: &str, why: &str) {
        println!("not ok - {name}: {why}");
        self.failed += 1;
    }

    /// Counts checks that could not be made, for want of a tool.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        println!("SKIPPED - {name}: {why}");
        self.skipped += 1;
    }

    pub(crate) fn failed(&self) -> usize {
        self.failed
    }

    /// Failure if a check failed or, when `strict`, could not be made.
    pub(crate) fn exit_code(&self, strict: bool) -> ExitCode {
        if self.failed > 0 || (strict && self.skipped > 0) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    /// Counts the lines of a script, and says how it ended if that was not with a status of 0.
    fn follow(&mut self, mut process: Process) -> Result<Option<String>, String> {
        let status = process.follow(SCRIPT_LIMIT, |line| self.count(line))?;
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
