//! A client and a server in one process: programs that measure themselves.

use crate::{
    measure::Run,
    results::{Group, Metric, Test},
};

const fn callers(name: &'static str) -> Test {
    Test { group: Group::Pairs, name }
}

pub(crate) const ONE: Test = callers("1");
pub(crate) const SIXTEEN: Test = callers("16");
pub(crate) const MANY: Test = callers("256");

const ALL: &[Test] = &[ONE, SIXTEEN, MANY];

/// Runs each pair once with each number of callers.
pub(crate) fn pairs(run: &mut Run, of: &[&'static str]) -> Result<(), String> {
    run.contestants.cores.release()?;
    for test in ALL {
        for name in of {
            run.attempt(name, test, |run| pair(run, *test, name))?;
        }
    }
    Ok(())
}

fn pair(run: &mut Run, test: Test, of: &'static str) -> Result<(), String> {
    let seconds = run.turn.as_secs_f64().to_string();
    let program = format!("pair_{of}");
    let printed = run.contestants.output(&program, &["--callers", test.name, "--seconds", &seconds])?;
    run.record(test, of, &[(Metric::Rate, rate(&printed)?)]);
    Ok(())
}

/// The rate for `calls N seconds S`.
fn rate(printed: &str) -> Result<f64, String> {
    let words: Vec<&str> = printed.split_whitespace().collect();
    let numbers = match words[..] {
        ["calls", calls, "seconds", seconds] => calls.parse::<f64>().ok().zip(seconds.parse::<f64>().ok()),
        _ => None,
    };
    match numbers {
        Some((calls, seconds)) if calls > 0.0 && seconds > 0.0 => Ok(calls / seconds),
        _ => Err(format!("a pair should print `calls N seconds S`, and printed `{}`", printed.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_calls_by_seconds() {
        assert_eq!(rate("calls 300 seconds 1.500\n"), Ok(200.0));
        for wrong in ["", "calls 300", "calls 0 seconds 1", "calls 1 seconds 0", "calls x seconds 1"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
