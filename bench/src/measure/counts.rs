//! Counts instead of times, which do not depend on other load on the machine: instructions and allocations.

use std::{fs, process::Command, rc::Rc};

use crate::{
    contestants::{BIRPC, FLOOR},
    load::{
        Load,
        calls::{Calls, Pace},
        exchange::Exchange,
        script::Script,
    },
    measure::Run,
    results::{Group, Metric, Test},
};

/// Sixteen requests arrive in one read, and their replies are sent in one write.
pub(crate) const LOCKSTEP: Test = Test { group: Group::Counts, name: "add(1, 2), 1 × 16" };

const IN_FLIGHT: usize = 16;

/// Counts the instructions of the second half of twice as many calls, so that starting and ending cancel out.
const CALLS: u64 = 16_000;

/// The instructions per call of birpc's server and of the floor, if valgrind is installed.
pub(crate) fn instructions(run: &mut Run) {
    for of in [FLOOR, BIRPC] {
        match instructions_of(run, of) {
            Ok(figure) => run.record(LOCKSTEP, of, &[(Metric::Instructions, figure)]),
            Err(why) => run.leave_out("instructions a call".into(), format!("valgrind, {of}: {why}")),
        }
    }
}

fn instructions_of(run: &Run, of: &'static str) -> Result<f64, String> {
    let half = count(run, of, CALLS)?;
    let whole = count(run, of, 2 * CALLS)?;
    Ok((whole as f64 - half as f64) / CALLS as f64)
}

/// The instructions of a server from its start to its end, with this many calls.
fn count(run: &Run, of: &'static str, calls: u64) -> Result<u64, String> {
    let file = run.contestants.logs.join(format!("callgrind.{of}"));
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", file.display()));
    let server = run.contestants.start_under(&mut valgrind, of)?;
    let exchange = Rc::new(Exchange::add());
    let mut load = Load::new(server.address)?;
    let caller = load
        .connect(1, || -> Box<dyn Script> { Box::new(Calls::new(&exchange, IN_FLIGHT, Pace::Lockstep)) })?;
    load.tally.allow(calls);
    load.begin(caller)?;
    load.run(|tally| tally.done() == calls)?;
    server.terminate()?;
    let text = fs::read_to_string(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    total_in(&text).ok_or_else(|| format!("{} has no total", file.display()))
}

/// The total in callgrind's output.
fn total_in(text: &str) -> Option<u64> {
    let total =
        text.lines().find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")))?;
    total.trim().parse().ok()
}

/// The allocations per call of birpc's server and of the floor, counted by a program that generates its own
/// load.
pub(crate) fn allocations(run: &mut Run) -> Result<(), String> {
    for of in [FLOOR, BIRPC] {
        run.attempt(of, "allocations", |run| {
            let printed = run.contestants.output("allocations", &["--server", of])?;
            let (allocations, bytes) = allocations_in(&printed)?;
            run.record(LOCKSTEP, of, &[(Metric::Allocations, allocations), (Metric::Allocated, bytes)]);
            Ok(())
        })?;
    }
    Ok(())
}

/// `allocations A bytes B`.
fn allocations_in(printed: &str) -> Result<(f64, f64), String> {
    let words: Vec<&str> = printed.split_whitespace().collect();
    let numbers = match words[..] {
        ["allocations", allocations, "bytes", bytes] => allocations.parse().ok().zip(bytes.parse().ok()),
        _ => None,
    };
    numbers.ok_or_else(|| format!("`allocations A bytes B` should be printed, and `{}` was", printed.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_found_in_either_form() {
        assert_eq!(total_in("events: Ir\nsummary: 123\n"), Some(123));
        assert_eq!(total_in("fn=(1) main\n1 5\n\ntotals: 42\n"), Some(42));
        assert_eq!(total_in("events: Ir\n"), None);
    }

    #[test]
    fn allocations_and_bytes_are_two_numbers() {
        assert_eq!(allocations_in("allocations 3.25 bytes 250\n"), Ok((3.25, 250.0)));
        assert!(allocations_in("allocations 3.25").is_err());
        assert!(allocations_in("allocations x bytes 250").is_err());
    }
}
