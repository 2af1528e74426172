//! Counts instead of times, which do not depend on other load on the machine: instructions and allocations.

use std::{fs, process::Command, rc::Rc};

use crate::{
    contestants::{BIRPC, FLOOR},
    load::{
        Load,
        calls::{Calls, Pace},
        credited::{Credited, Shouts},
        exchange::Exchange,
        script::Script,
        streams::{Items, Pulls, Pushes},
    },
    measure::{Run, streams::item},
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

/// Notifications and items of 60 bytes to the server, and numbers from it. Items go alone, or as many
/// together as a message has.
pub(crate) const NOTIFIED: Test = counted("a notification of 60 B to the server");
pub(crate) const ALONE: Test = counted("an item of 60 B to the server, alone");
pub(crate) const TOGETHER: Test = counted("an item of 60 B to the server, 32 together");
pub(crate) const SHOUTED: Test = counted("a notification with a number from the server");
pub(crate) const PULLED: Test = counted("an item that is a number from the server, 32 together");

const fn counted(name: &'static str) -> Test {
    Test { group: Group::Counts, name }
}

/// Enough for the beginning and the end of a stream not to matter.
const ITEMS: u64 = 8000;

/// The instructions per item and notification of birpc's server, if valgrind is installed: those of a server
/// that had that many, without those of one that had a connection and nothing else.
pub(crate) fn streams(run: &mut Run) {
    if let Err(why) = count_streams(run) {
        run.leave_out("instructions an item".into(), format!("valgrind: {why}"));
    }
}

fn count_streams(run: &mut Run) -> Result<(), String> {
    let fence = Rc::new(Exchange::new("add", "[1,2]", "3"));
    let text = item(60);
    let notification = format!(r#"{{"jsonrpc":"2.0","method":"log","params":[{text}]}}"#);
    let none = count_script(run, BIRPC, 0, Box::new(Pushes::new(&text, 1, ITEMS)))?;
    let scripts: [(Test, Box<dyn Script>); 5] = [
        (NOTIFIED, Box::new(Credited::new(&notification, ITEMS, &fence))),
        (ALONE, Box::new(Pushes::new(&text, 1, ITEMS))),
        (TOGETHER, Box::new(Pushes::new(&text, 32, ITEMS))),
        (SHOUTED, Box::new(Shouts::new(ITEMS))),
        (PULLED, Box::new(Pulls::new(Items::Numbers, ITEMS))),
    ];
    for (test, script) in scripts {
        let counted = count_script(run, BIRPC, ITEMS, script)?.saturating_sub(none);
        run.record(test, BIRPC, &[(Metric::Instructions, counted as f64 / ITEMS as f64)]);
    }
    Ok(())
}

fn instructions_of(run: &Run, of: &'static str) -> Result<f64, String> {
    let half = count(run, of, CALLS)?;
    let whole = count(run, of, 2 * CALLS)?;
    Ok((whole as f64 - half as f64) / CALLS as f64)
}

/// The instructions of a server from its start to its end, with this many calls.
fn count(run: &Run, of: &'static str, calls: u64) -> Result<u64, String> {
    let exchange = Rc::new(Exchange::add());
    count_script(run, of, calls, Box::new(Calls::new(&exchange, IN_FLIGHT, Pace::Lockstep)))
}

/// The same with this script.
fn count_script(run: &Run, of: &'static str, calls: u64, script: Box<dyn Script>) -> Result<u64, String> {
    let file = run.contestants.logs.join(format!("callgrind.{of}"));
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", file.display()));
    let server = run.contestants.start_under(&mut valgrind, of)?;
    let mut load = Load::new(server.address)?;
    let mut script = Some(script);
    let caller = load.connect(1, || script.take().expect("one connection"))?;
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
