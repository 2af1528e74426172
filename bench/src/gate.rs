//! The conditions that fail a run: figures that are steady on a busy machine and have changed much.
//!
//! Wall-clock figures are never among them.

use std::{fs, path::PathBuf};

use crate::{
    contestants::{BIRPC, FLOOR, ONE_NODE},
    machine,
    measure::{
        calls::PIPELINED,
        counts::{ALONE, LOCKSTEP, NOTIFIED, PULLED, SHOUTED, TOGETHER},
        groups,
    },
    results::{Metric, Results, Test},
};

/// The maximum ratio to the recorded instructions of a call.
const INSTRUCTIONS_LIMIT: f64 = 1.10;

/// The maximum ratio to the floor's server CPU for a call, 64 × 16.
const CPU_LIMIT: f64 = 1.6;

/// The maximum ratio of the CPU of both nodes for a member of a group on the other one, against one node. The
/// goal is 1.2.
const NODES_LIMIT: f64 = 1.5;

/// A condition, and the result of a run.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Passed(String),
    Failed(String),
    Skipped(String),
}

impl Verdict {
    /// Whether it fails the run. With `strict`, a condition that could not be judged fails it too.
    pub(crate) fn fails(&self, strict: bool) -> bool {
        matches!(self, Self::Failed(_)) || (strict && matches!(self, Self::Skipped(_)))
    }
}

/// The counts of an earlier run.
#[derive(Debug, PartialEq)]
pub(crate) struct Recorded {
    instructions: f64,
    /// The compiler, which matters as much as the code.
    compiler: String,
}

/// Judges a run by the counts of an earlier one.
pub(crate) fn judge(results: &Results, recorded: Option<&Recorded>) -> [Verdict; 6] {
    let counted = results.summary(LOCKSTEP, Metric::Instructions, BIRPC).map(|summary| summary.median);
    let instructions = match (counted, recorded) {
        (None, _) => Verdict::Skipped("instructions a call: they were not counted".into()),
        (_, None) => {
            Verdict::Skipped("instructions a call: none are recorded; `--record` records them".into())
        }
        (Some(counted), Some(recorded)) => within(
            counted / recorded.instructions <= INSTRUCTIONS_LIMIT,
            format!(
                "instructions a call: {counted:.0} with {}; recorded {:.0} with {}; limit \
                {INSTRUCTIONS_LIMIT} ×",
                machine::compiler(),
                recorded.instructions,
                recorded.compiler
            ),
        ),
    };
    let cpu = match results.ratio((PIPELINED.test, BIRPC), (PIPELINED.test, FLOOR), Metric::Cpu) {
        None => Verdict::Skipped("server CPU a call: it was not measured".into()),
        Some(ratio) => within(
            ratio.median <= CPU_LIMIT,
            format!("server CPU a call, 64 × 16: {:.2} × the floor's, limit {CPU_LIMIT} ×", ratio.median),
        ),
    };
    let [alone, together, pulled] = ITEMS.map(|limit| judge_item(results, limit));
    [instructions, cpu, alone, together, pulled, judge_nodes(results)]
}

/// Items, the notifications that they are compared with, and the maximum ratio of their instructions. For
/// items to the server, 32 together, the goal is 0.4, a little less than this limit.
const ITEMS: [(&str, Test, Test, f64); 3] = [
    ("an item to the server, alone", ALONE, NOTIFIED, 1.3),
    ("an item to the server, 32 together", TOGETHER, NOTIFIED, 0.45),
    ("an item from the server, 32 together", PULLED, SHOUTED, 0.4),
];

fn judge_item(results: &Results, (what, item, notification, limit): (&str, Test, Test, f64)) -> Verdict {
    match results.ratio((item, BIRPC), (notification, BIRPC), Metric::Instructions) {
        None => Verdict::Skipped(format!("instructions of {what}: they were not counted")),
        Some(ratio) => within(
            ratio.median <= limit,
            format!("instructions of {what}: {:.2} × a notification's, limit {limit} ×", ratio.median),
        ),
    }
}

fn judge_nodes(results: &Results) -> Verdict {
    match results.ratio((groups::MANY, BIRPC), (groups::MANY, ONE_NODE), Metric::Cpu) {
        None => Verdict::Skipped("CPU a member of a group on another node: it was not measured".into()),
        Some(ratio) => within(
            ratio.median <= NODES_LIMIT,
            format!(
                "CPU a member of a group on another node: {:.2} × one node's, limit {NODES_LIMIT} ×",
                ratio.median
            ),
        ),
    }
}

fn within(is: bool, text: String) -> Verdict {
    if is { Verdict::Passed(text) } else { Verdict::Failed(text) }
}

/// The file with the recorded instructions per call.
fn recorded_file() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "instructions.txt"].iter().collect()
}

/// Reads the recorded counts, if there are any.
pub(crate) fn recorded() -> Result<Option<Recorded>, String> {
    let file = recorded_file();
    match fs::read_to_string(&file) {
        Ok(text) => recorded_in(&text).map(Some).ok_or_else(|| format!("{} has no number", file.display())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("cannot read {}: {e}", file.display())),
    }
}

/// Records the counts of this run.
pub(crate) fn record(results: &Results) -> Result<(), String> {
    let counted = results.summary(LOCKSTEP, Metric::Instructions, BIRPC);
    let counted = counted.ok_or("there is nothing to record: instructions were not counted")?;
    let file = recorded_file();
    let text = format!(
        "# Instructions that birpc's server takes for a call of add(1, 2), 16 in flight on one connection, \
        as callgrind\n\
         # counts them. A run of the benchmarks that counts a tenth more fails. After a change that is \
         worth its price,\n\
         # or one that makes calls cheaper: cargo xtask bench --quick --record\n\
         {:.0} {}\n",
        counted.median,
        machine::compiler()
    );
    fs::write(&file, text).map_err(|e| format!("cannot write {}: {e}", file.display()))
}

/// A number followed by the compiler.
fn recorded_in(text: &str) -> Option<Recorded> {
    let line = text.lines().find(|line| !line.starts_with('#') && !line.is_empty())?;
    let (instructions, compiler) = line.trim().split_once(' ')?;
    Some(Recorded { instructions: instructions.parse().ok()?, compiler: compiler.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(instructions: f64, cpu: f64) -> Results {
        let mut results = Results::default();
        results.record(LOCKSTEP, Metric::Instructions, BIRPC, instructions);
        results.record(PIPELINED.test, Metric::Cpu, BIRPC, cpu);
        results.record(PIPELINED.test, Metric::Cpu, FLOOR, 1.0);
        results
    }

    fn failures(results: &Results, recorded: Option<f64>, strict: bool) -> Vec<bool> {
        let recorded = recorded.map(|instructions| Recorded { instructions, compiler: "a compiler".into() });
        judge(results, recorded.as_ref())[..2].iter().map(|verdict| verdict.fails(strict)).collect()
    }

    #[test]
    fn a_tenth_more_instructions_pass_and_more_fail() {
        assert_eq!(failures(&results(1099.0, 1.0), Some(1000.0), true), [false, false]);
        assert_eq!(failures(&results(1101.0, 1.0), Some(1000.0), false), [true, false]);
    }

    #[test]
    fn cpu_is_compared_with_the_floor() {
        assert_eq!(failures(&results(1.0, 1.59), Some(1.0), true), [false, false]);
        assert_eq!(failures(&results(1.0, 1.61), Some(1.0), false), [false, true]);
    }

    #[test]
    fn items_are_compared_with_notifications() {
        let mut results = results(1.0, 1.0);
        for (test, instructions) in
            [(NOTIFIED, 1000.0), (ALONE, 1299.0), (TOGETHER, 451.0), (SHOUTED, 1000.0), (PULLED, 399.0)]
        {
            results.record(test, Metric::Instructions, BIRPC, instructions);
        }
        let fails = judge(&results, None).map(|verdict| verdict.fails(false));
        assert_eq!(fails[2..5], [false, true, false]);
    }

    #[test]
    fn a_member_on_another_node_is_compared_with_one_on_the_same() {
        let mut results = Results::default();
        results.record(groups::MANY, Metric::Cpu, BIRPC, 1.49);
        results.record(groups::MANY, Metric::Cpu, ONE_NODE, 1.0);
        assert!(!judge_nodes(&results).fails(true));
        let mut results = Results::default();
        results.record(groups::MANY, Metric::Cpu, BIRPC, 1.51);
        results.record(groups::MANY, Metric::Cpu, ONE_NODE, 1.0);
        assert!(judge_nodes(&results).fails(false));
        assert!(judge_nodes(&Results::default()).fails(true), "it was not measured");
    }

    #[test]
    fn what_is_missing_fails_only_when_strict() {
        assert_eq!(failures(&results(1.0, 1.0), None, false), [false, false]);
        assert_eq!(failures(&results(1.0, 1.0), None, true), [true, false]);
        assert_eq!(failures(&Results::default(), Some(1.0), true), [true, true]);
        assert_eq!(failures(&Results::default(), Some(1.0), false), [false, false]);
    }

    #[test]
    fn comments_are_no_numbers() {
        let recorded = Recorded { instructions: 1234.0, compiler: "rustc 1.0 for a machine".into() };
        assert_eq!(recorded_in("# 7\n\n1234 rustc 1.0 for a machine\n"), Some(recorded));
        assert_eq!(recorded_in("# 7\n"), None);
        assert_eq!(recorded_in("1234\n"), None, "without a compiler it says little");
    }
}
