//! Runs the tests on a mutant: fast tests first, until the first failure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::results::Outcome;
use super::switch::{CHOSEN, REACHED};
use super::tree::Built;
use crate::process::{Line, Process};
use crate::tools::output;

/// Tests that take at most this long alone run first.
const FAST: Duration = Duration::from_millis(100);

/// Of the others, those that take at most this long run before those that take longer.
const SLOW: Duration = Duration::from_secs(2);

/// Integration tests that take longer do not run.
const TOO_SLOW: Duration = Duration::from_secs(10);

/// If no test ends within this time, twice, the mutant has timed out. The second time is for slow tests, and
/// for a test alone.
const PATIENCE: Duration = Duration::from_secs(6);
const LONG_PATIENCE: Duration = Duration::from_secs(20);

/// The number of tests that run at once.
const AT_ONCE: usize = 8;

/// Tests that also run in memory, which is faster.
const OTHER_TRANSPORTS: [&str; 2] = ["::over_a_socket", "::over_tungstenite"];

/// The number of tests that caught earlier mutants and therefore run first.
const FIRST: usize = 40;

/// The tests of one program.
pub(super) struct Suite {
    built: Built,
    tests: BTreeMap<String, Test>,
}

/// The properties of a test, from a run without a mutant.
struct Test {
    time: Duration,
    /// The mutants whose functions the test calls. It cannot catch others.
    reached: BTreeSet<usize>,
}

/// The test programs, and the tests that have caught mutants, the latest first.
pub(super) struct Trials {
    suites: Vec<Suite>,
    catchers: Vec<String>,
}

/// Which tests are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speed {
    Fast,
    Slow,
}

/// Whether a test is run.
type Which<'a> = &'a dyn Fn(&Test, &str) -> bool;

enum End {
    Passed,
    Failed(String),
    /// The process ended without a failed test.
    Crashed,
    Hung,
}

impl Trials {
    /// Runs each test alone without a mutant, or each whose name contains one of `wanted`. Leaves out the
    /// tests that fail. The measurements are kept in a file for a run that continues with the same mutants,
    /// which `key` names.
    pub(super) fn measure(
        built: &[Built],
        key: &str,
        wanted: &[String],
        file: &Path,
    ) -> Result<Self, String> {
        let key = format!("{key} by {}\n", wanted.join(" "));
        let known = fs::read_to_string(file).unwrap_or_default();
        if let Some(known) = known.strip_prefix(&key) {
            let suites =
                built.iter().map(|built| Suite { built: built.clone(), tests: tests_of(built, known) });
            return Ok(Self { suites: suites.collect(), catchers: Vec::new() });
        }
        let reached = file.with_extension("reached");
        let mut suites = Vec::new();
        let mut lines = vec![key];
        let is_wanted =
            |name: &String| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
        for built in built {
            let mut suite = Suite { built: built.clone(), tests: BTreeMap::new() };
            for name in suite.list()?.into_iter().filter(is_wanted) {
                if let Some(test) = suite.measure(&name, &reached)? {
                    lines.push(test.line(&built.name, &name));
                    suite.tests.insert(name, test);
                }
            }
            suites.push(suite);
        }
        fs::write(file, lines.join("\n")).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
        Ok(Self { suites, catchers: Vec::new() })
    }

    /// The number of tests, and of fast ones.
    pub(super) fn counts(&self) -> (usize, usize) {
        let tests = || self.suites.iter().flat_map(|suite| suite.tests.values());
        (tests().count(), tests().filter(|test| test.time <= FAST).count())
    }

    /// Takes the same tests from other programs: those of a mutant that is built alone.
    pub(super) fn rebuilt(&mut self, built: &[Built]) {
        for suite in &mut self.suites {
            if let Some(again) = built.iter().find(|built| built.name == suite.built.name) {
                suite.built = again.clone();
            }
        }
    }

    /// Runs the fast or the slow tests on a mutant: the unit tests of this package and the integration tests.
    /// `None` if all of them pass. The mutant 0 is one that is built alone.
    pub(super) fn judge(
        &mut self,
        mutant: usize,
        package: &str,
        speed: Speed,
    ) -> Result<Option<Outcome>, String> {
        let of = |name: &str| self.suites.iter().position(|suite| suite.built.name == name);
        let (unit, it) = (of(package), of("it").ok_or("there are no integration tests")?);
        let first: BTreeSet<_> = self.catchers.iter().take(FIRST).cloned().collect();
        let other = |name: &str| OTHER_TRANSPORTS.iter().any(|transport| name.ends_with(transport));
        let fast = |test: &Test, name: &str| test.time <= FAST && !other(name);
        let runs = |test: &Test| test.time <= TOO_SLOW;
        let brief = |test: &Test| test.time <= SLOW;
        let stages: &[(Option<usize>, Which<'_>, Duration)] = match speed {
            Speed::Fast => &[
                (unit, &fast, PATIENCE),
                (Some(it), &|test, name| fast(test, name) && first.contains(name), PATIENCE),
                (Some(it), &|test, name| fast(test, name) && !first.contains(name), PATIENCE),
            ],
            Speed::Slow => &[
                (unit, &|test, name| !fast(test, name), LONG_PATIENCE),
                (Some(it), &|test, name| !fast(test, name) && first.contains(name), LONG_PATIENCE),
                (Some(it), &|test, name| !fast(test, name) && !other(name) && brief(test), LONG_PATIENCE),
                (Some(it), &|test, name| !other(name) && runs(test) && !brief(test), LONG_PATIENCE),
                (Some(it), &|test, name| other(name) && runs(test), LONG_PATIENCE),
            ],
        };
        for (suite, which, patience) in stages {
            let Some(suite) = suite.map(|at| &self.suites[at]) else { continue };
            let can = |test: &Test| mutant == 0 || test.reached.contains(&mutant);
            let names = suite.tests.iter().filter(|(name, test)| can(test) && which(test, name));
            let names = names.map(|(name, _)| name.as_str()).collect();
            match suite.stage(names, mutant, *patience)? {
                End::Passed => {}
                End::Failed(name) => {
                    self.catchers.retain(|known| *known != name);
                    self.catchers.insert(0, name);
                    return Ok(Some(Outcome::Caught));
                }
                End::Crashed => return Ok(Some(Outcome::Caught)),
                End::Hung => return Ok(Some(Outcome::Timeout)),
            }
        }
        Ok(None)
    }
}

impl Suite {
    fn list(&self) -> Result<Vec<String>, String> {
        let text = output(Command::new(&self.built.program).args(["--list", "--format", "terse"]))?;
        Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
    }

    /// Runs a test alone without a mutant; `None` if it fails, twice.
    fn measure(&self, name: &str, reached: &Path) -> Result<Option<Test>, String> {
        for _ in 0..2 {
            let _ = fs::remove_file(reached);
            let started = Instant::now();
            if let End::Passed = self.run_noting(&BTreeSet::from([name]), 0, LONG_PATIENCE, Some(reached))?.0
            {
                let time = started.elapsed();
                let text = fs::read_to_string(reached).unwrap_or_default();
                return Ok(Some(Test { time, reached: numbers(&text) }));
            }
        }
        println!("mutants: `{name}` of {} fails without a mutant, and is left out", self.built.name);
        Ok(None)
    }

    /// Runs these tests until one fails, and fails again when it runs alone.
    fn stage(&self, mut names: BTreeSet<&str>, mutant: usize, patience: Duration) -> Result<End, String> {
        let (mut crashed, mut hung) = (false, false);
        while !names.is_empty() {
            let (end, passed) = self.run(&names, mutant, patience)?;
            match end {
                End::Failed(name) => {
                    let alone = self.run(&BTreeSet::from([name.as_str()]), mutant, 3 * PATIENCE)?.0;
                    if !matches!(alone, End::Passed) {
                        return Ok(End::Failed(name));
                    }
                    names.remove(name.as_str());
                    names.retain(|name| !passed.contains(*name));
                }
                End::Crashed if !crashed => crashed = true,
                // The machine may be busy, so the tests that were running run again.
                End::Hung if !hung => {
                    hung = true;
                    names.retain(|name| !passed.contains(*name));
                    let running = names.iter().copied().take(AT_ONCE).collect();
                    if let (End::Hung, _) = self.run(&running, mutant, patience)? {
                        return Ok(End::Hung);
                    }
                }
                end => return Ok(end),
            }
        }
        Ok(End::Passed)
    }

    fn run(
        &self,
        names: &BTreeSet<&str>,
        mutant: usize,
        patience: Duration,
    ) -> Result<(End, BTreeSet<String>), String> {
        self.run_noting(names, mutant, patience, None)
    }

    /// Runs these tests until one fails. Also returns those that have passed.
    fn run_noting(
        &self,
        names: &BTreeSet<&str>,
        mutant: usize,
        patience: Duration,
        reached: Option<&Path>,
    ) -> Result<(End, BTreeSet<String>), String> {
        let mut command = limited(&self.built.program);
        command.args(["--exact", "--test-threads", &AT_ONCE.to_string()]).args(names);
        command.current_dir(&self.built.folder).env(CHOSEN, mutant.to_string());
        command.env("CARGO_MANIFEST_DIR", &self.built.folder).env("RUST_BACKTRACE", "0");
        // The copies of a function are all in its frame.
        command.env("RUST_MIN_STACK", "4194304");
        command.envs(reached.map(|file| (REACHED, file)));
        let mut process = Process::start(&self.built.name, command.stderr(Stdio::null()))?;
        let mut passed = BTreeSet::new();
        let end = loop {
            match process.line(Instant::now() + patience) {
                Line::Text(line) => {
                    let Some((name, result)) =
                        line.strip_prefix("test ").and_then(|line| line.split_once(" ... "))
                    else {
                        if line.starts_with("test result: ok") {
                            break End::Passed;
                        }
                        continue;
                    };
                    let name = name.trim_end_matches(" - should panic");
                    if result == "FAILED" {
                        break End::Failed(name.to_owned());
                    }
                    passed.insert(name.to_owned());
                }
                Line::End => break End::Crashed,
                Line::Late => break End::Hung,
            }
        };
        process.kill_group();
        Ok((end, passed))
    }
}

impl Test {
    /// The line of the file for [`tests_of`].
    fn line(&self, of: &str, name: &str) -> String {
        let reached: Vec<_> = self.reached.iter().map(usize::to_string).collect();
        format!("{of} {name} {} {}", self.time.as_millis(), reached.join(","))
    }
}

/// Reads the tests of a program from the lines of a file.
fn tests_of(built: &Built, text: &str) -> BTreeMap<String, Test> {
    let tests = text.lines().filter_map(|line| {
        let [of, name, millis, reached] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
        let time = Duration::from_millis(millis.parse().ok()?);
        (of == built.name).then(|| (name.to_owned(), Test { time, reached: numbers(reached) }))
    });
    tests.collect()
}

fn numbers(text: &str) -> BTreeSet<usize> {
    text.split([',', '\n']).filter_map(|number| number.parse().ok()).collect()
}

/// The command that runs a program in a process group of its own, with a limit on the memory of a mutant.
fn limited(program: &Path) -> Command {
    if cfg!(not(unix)) {
        return Command::new(program);
    }
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -v 8000000; exec "$0" "$@""#]).arg(program);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}
