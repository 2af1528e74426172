//! `cargo xtask soak`: runs many connections with random actions, and checks that nothing is left of them.
//!
//! The `soak` example generates the load and checks the results. It starts the `testbed` example, and prints
//! `ok - NAME` or `not ok - NAME: WHY` for each check, and the count of each action. Both are built in
//! release mode, since their measurements would be meaningless otherwise. With `--strict`, checks of time can
//! fail; otherwise they are only reported. The soak needs Linux, since it reads /proc.

use std::fs::File;
use std::process::ExitCode;
use std::time::Duration;

use crate::places::{Places, Profile};
use crate::process::Process;

/// The default duration of the soak in seconds.
const SECONDS: u64 = 60;

/// The additional time for the checks of killed and abusive peers on a busy machine. The warm-up, a third of
/// the duration, and a repetition for unclear memory measurements are added separately.
const REST: Duration = Duration::from_secs(180);

/// Runs the soak. `--seed` repeats the random choices of a previous run, which printed its seed.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let Options { seconds, seed, strict } = options(arguments)?;
    if !cfg!(target_os = "linux") {
        println!("SKIPPED - soak: only Linux tells in /proc how much memory a process has");
        return Ok(ExitCode::SUCCESS);
    }
    let places = Places::find("soak", Profile::Release)?;
    places.build_examples(&["testbed", "soak"], &[])?;
    let log = places.logs.join("soak.log");
    let file = File::create(&log).map_err(|e| format!("cannot write {}: {e}", log.display()))?;

    let mut command = places.example("soak");
    command.args(["--seconds", &seconds.to_string()]).stderr(file);
    if let Some(seed) = seed {
        command.args(["--seed", &seed.to_string()]);
    }
    if strict {
        command.arg("--strict");
    }
    let limit = Duration::from_secs(seconds.saturating_mul(3)).saturating_add(REST);
    let status = Process::start("soak", &mut command)?.follow(limit, |line| println!("{line}"))?;
    if status.success() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("soak: what both sides wrote on standard error is in {}", log.display());
    Ok(ExitCode::FAILURE)
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    seconds: u64,
    seed: Option<u64>,
    strict: bool,
}

fn options(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options { seconds: SECONDS, seed: None, strict: false };
    let mut arguments = arguments.iter();
    while let Some(flag) = arguments.next() {
        if flag == "--strict" {
            options.strict = true;
            continue;
        }
        let number = arguments.next().and_then(|value| value.parse().ok());
        let number = number.ok_or_else(|| format!("{flag} needs a number"))?;
        match flag.as_str() {
            "--seconds" => options.seconds = number,
            "--seed" => options.seed = Some(number),
            _ => {
                return Err(format!(
                    "unknown argument `{flag}`: `--seconds N`, `--seed N` and `--strict` are there"
                ));
            }
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Options, String> {
        options(&arguments.iter().map(|argument| argument.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn seconds_and_seed_take_a_number() {
        assert_eq!(parsed(&[]), Ok(Options { seconds: 60, seed: None, strict: false }));
        assert_eq!(
            parsed(&["--seed", "7", "--strict", "--seconds", "5"]),
            Ok(Options { seconds: 5, seed: Some(7), strict: true })
        );
        assert!(parsed(&["--seconds"]).is_err());
        assert!(parsed(&["--seconds", "long"]).is_err());
        assert!(parsed(&["--minutes", "1"]).is_err());
    }
}
