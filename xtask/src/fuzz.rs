//! `cargo xtask fuzz`: runs each fuzz target of `fuzz/` for a while.
//!
//! cargo-fuzz builds them with coverage instrumentation and without a sanitizer. Stable Rust can do that, and
//! it is sufficient: there is no `unsafe` code, so bugs show as panics, hangs or growing memory. Interesting
//! inputs are kept in `target/fuzz/corpus/` for the next run; the initial inputs are in `fuzz/seeds/`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use crate::places::{Places, Profile};
use crate::process::Process;
use crate::tally::Tally;
use crate::tools::CargoFuzz;

const TARGETS: &[&str] = &["codec", "multiplexer", "streams", "connection", "envelope"];

/// How long each target runs by default.
const SECONDS: u64 = 30;

/// The additional time for a target to start, to read the corpus, and to stop.
const SLACK: Duration = Duration::from_secs(120);

/// libFuzzer's limits for an input: bytes and seconds; and for the memory of the process.
const LIMITS: [&str; 3] = ["-max_len=4096", "-timeout=20", "-rss_limit_mb=1024"];

#[derive(Debug, PartialEq, Eq)]
struct Options {
    seconds: u64,
    targets: Vec<&'static str>,
}

/// Builds and runs the targets. Fails if an input breaks one.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let options = options(arguments)?;
    let places = Places::find("fuzz", Profile::Release)?;
    let cargo_fuzz = CargoFuzz::install(&places.installed)?;
    let fuzzer = Fuzzer { places, cargo_fuzz };
    let mut tally = Tally::new("fuzz");
    println!("# building the fuzz targets");
    fuzzer.build()?;
    for target in options.targets {
        println!("# {target}: {} s", options.seconds);
        match fuzzer.run(target, options.seconds) {
            Ok(done) => tally.pass(&format!("{target}: {done}")),
            Err(why) => tally.fail(target, &why),
        }
    }
    println!("{tally}");
    Ok(tally.exit_code(true))
}

fn options(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options { seconds: SECONDS, targets: Vec::new() };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--seconds" {
            let seconds = arguments.next().and_then(|seconds| seconds.parse().ok());
            // libFuzzer would take 0 for no limit.
            options.seconds = seconds.filter(|seconds| *seconds > 0).ok_or("--seconds takes a number")?;
        } else if let Some(target) = TARGETS.iter().find(|target| *target == argument) {
            options.targets.push(target);
        } else {
            let targets = TARGETS.join(", ");
            return Err(format!("unknown argument `{argument}`; there are --seconds N, {targets}"));
        }
    }
    if options.targets.is_empty() {
        options.targets = TARGETS.to_vec();
    }
    Ok(options)
}

struct Fuzzer {
    places: Places,
    cargo_fuzz: CargoFuzz,
}

impl Fuzzer {
    /// `cargo fuzz COMMAND`, with the arguments that all commands need.
    fn command(&self, command: &str) -> Command {
        let mut cargo_fuzz = self.cargo_fuzz.command(command);
        cargo_fuzz.args(["--sanitizer", "none", "--target-dir"]).arg(self.places.installed.join("build"));
        cargo_fuzz.current_dir(self.places.root());
        cargo_fuzz
    }

    fn build(&self) -> Result<(), String> {
        let status = self.command("build").status().map_err(|e| format!("cannot run cargo-fuzz: {e}"))?;
        if status.success() {
            Ok(())
        } else {
            Err("the fuzz targets do not build; cargo says why above".into())
        }
    }

    /// Runs a target. Returns a summary, or the input that broke it.
    fn run(&self, target: &str, seconds: u64) -> Result<String, String> {
        let fuzz = self.places.root().join("fuzz");
        let found = made(self.places.installed.join("corpus").join(target))?;
        let broken = made(self.places.installed.join("artifacts").join(target))?;
        let log = self.places.logs.join(format!("{target}.log"));
        let output = File::create(&log).map_err(|e| format!("cannot write {}: {e}", log.display()))?;
        let mut command = self.command("run");
        command.arg(target).arg(found).arg(fuzz.join("seeds").join(target)).arg("--").args(LIMITS);
        command.arg(format!("-max_total_time={seconds}"));
        command.arg(format!("-dict={}", fuzz.join("words.dict").display()));
        command.arg(format!("-artifact_prefix={}/", broken.display()));
        command.stderr(output);
        let limit = Duration::from_secs(seconds) + SLACK;
        let ended = Process::start(target, &mut command)?.follow(limit, |_| {});
        let log = fs::read(&log).map_err(|e| format!("cannot read {}: {e}", log.display()))?;
        let log = String::from_utf8_lossy(&log);
        match ended {
            Ok(status) if status.success() => summary(&log).ok_or_else(|| tail(&log)),
            Ok(_) => Err(crash(target, &log)),
            Err(why) => Err(why),
        }
    }
}

fn made(folder: PathBuf) -> Result<PathBuf, String> {
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make the folder {}: {e}", folder.display()))?;
    Ok(folder)
}

/// A summary of a run, from libFuzzer's last line: `#1234 DONE cov: 56 ft: 7 corp: 8/9b lim: 10 exec/s: 11
/// …`.
fn summary(log: &str) -> Option<String> {
    let words: Vec<&str> = log.lines().rfind(|line| line.contains("\tDONE "))?.split_whitespace().collect();
    let after = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1));
    let (executions, coverage, speed) =
        (words.first()?.strip_prefix('#')?, after("cov:")?, after("exec/s:")?);
    Some(format!("{executions} executions, {speed} a second, coverage {coverage}"))
}

/// The cause of a crash, and the command that reproduces it.
fn crash(target: &str, log: &str) -> String {
    const WRITTEN: &str = "Test unit written to ";
    let Some((_, input)) = log.lines().find_map(|line| line.split_once(WRITTEN)) else { return tail(log) };
    let why: Vec<&str> = log.lines().skip_while(|line| !is_reason(line)).take(4).collect();
    let again = format!("cargo fuzz run --sanitizer none {target} {}", Path::new(input).display());
    format!("an input breaks it: {input}\n{}\nagain: {again}", why.join("\n"))
}

fn is_reason(line: &str) -> bool {
    line.contains("panicked at") || line.contains("ERROR: libFuzzer")
}

/// The end of a log without the expected summary.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    format!("it did not run to its end:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options, String> {
        options(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn all_targets_run_unless_some_are_named() {
        assert_eq!(parsed(""), Ok(Options { seconds: SECONDS, targets: TARGETS.to_vec() }));
        assert_eq!(parsed("codec --seconds 7"), Ok(Options { seconds: 7, targets: vec!["codec"] }));
        for line in ["--seconds", "--seconds 0", "--seconds x", "nothing"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_log_tells_how_it_went() {
        let done = "INFO: x\n#2\tINITED cov: 1 ft: 1\n#17762\tDONE   cov: 3973 ft: 14570 corp: 900/1041Kb \
                    lim: 2048 exec/s: 683 rss: 35Mb\nDone 17762 runs in 26 second(s)\n";
        let expected = "17762 executions, 683 a second, coverage 3973";
        assert_eq!(summary(done).as_deref(), Some(expected));
        assert_eq!(summary("nothing of it"), None);
    }

    #[test]
    fn a_crash_says_where_its_input_is() {
        let log = "#1\tpulse\nthread panicked at src/x.rs:1:1:\nit hangs\n==1== ERROR: libFuzzer: deadly \
            signal\n\
                   artifact_prefix='a/'; Test unit written to a/crash-1\n";
        let why = crash("codec", log);
        assert!(why.starts_with("an input breaks it: a/crash-1\nthread panicked"), "{why}");
        assert!(why.ends_with("cargo fuzz run --sanitizer none codec a/crash-1"), "{why}");
        assert!(crash("codec", "killed").contains("killed"));
    }
}
