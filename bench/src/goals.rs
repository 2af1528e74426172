//! The goals for birpc, as ratios between figures of one run, and whether a run meets them.

use Bound::{AtLeast, AtMost};

use crate::{
    contestants::{BIRPC, BOUND, FLOOR, JSONRPSEE, ONE_NODE, TARPC},
    measure::{
        broadcast,
        calls::{ONE_EACH, PIPELINED},
        compile, counts, crowd, groups, memory, pairs, streams,
    },
    results::{
        Metric::{self, Build, Cpu, Instructions, P99, Rate},
        Results, Test, thousands,
    },
    statistics::Summary,
};

/// A percentage of a core. The rate of a server that had less was limited by something else.
const FULL_CORE: f64 = 85.0;

/// A figure of birpc, or its ratio to another figure of the same rounds.
enum Figure {
    Plain(Metric, Test),
    Ratio(Metric, Test, (Test, &'static str)),
}

/// The side on which a figure should be.
#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// One goal.
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    figure: Figure,
    bound: Bound,
}

const fn ratio(what: &'static str, metric: Metric, test: Test, against: &'static str, bound: Bound) -> Goal {
    Goal { what, figure: Figure::Ratio(metric, test, (test, against)), bound }
}

/// Between two figures of birpc.
const fn own(what: &'static str, metric: Metric, (test, against): (Test, Test), bound: Bound) -> Goal {
    Goal { what, figure: Figure::Ratio(metric, test, (against, BIRPC)), bound }
}

const fn flat(what: &'static str, test: Test, against: Test) -> Goal {
    let figure = Figure::Ratio(Cpu, test, (against, BIRPC));
    Goal { what, figure, bound: Bound::AtMost(1.3) }
}

const fn memory(what: &'static str, test: Test, most: f64) -> Goal {
    Goal { what, figure: Figure::Plain(Metric::Memory, test), bound: Bound::AtMost(most) }
}

/// All goals that a single run can judge.
pub(crate) const GOALS: &[Goal] = &[
    ratio("server CPU a call, 64 × 16, against the floor", Cpu, PIPELINED.test, FLOOR, AtMost(1.35)),
    ratio("server throughput, 64 × 16, against jsonrpsee", Rate, PIPELINED.test, JSONRPSEE, AtLeast(8.0)),
    ratio("server throughput, 64 × 1, against jsonrpsee", Rate, ONE_EACH.test, JSONRPSEE, AtLeast(1.5)),
    ratio("server throughput, 64 × 1, against the floor", Rate, ONE_EACH.test, FLOOR, AtLeast(0.9)),
    ratio("client and server, 256 callers, against jsonrpsee", Rate, pairs::MANY, JSONRPSEE, AtLeast(5.0)),
    ratio("client and server, 256 callers, against tarpc", Rate, pairs::MANY, TARPC, AtLeast(2.3)),
    ratio("client and server, 256 callers, against the bound", Rate, pairs::MANY, BOUND, AtLeast(0.9)),
    ratio("client and server, 16 callers, against jsonrpsee", Rate, pairs::SIXTEEN, JSONRPSEE, AtLeast(2.0)),
    ratio("client and server, 1 caller, against jsonrpsee", Rate, pairs::ONE, JSONRPSEE, AtLeast(2.0)),
    own(
        "items of 60 B a second to the server, against notifications",
        Rate,
        (streams::UP, streams::NOTIFIED),
        AtLeast(1.0),
    ),
    own(
        "numbers a second from the server, items against notifications",
        Rate,
        (streams::DOWN, streams::SHOUTED),
        AtLeast(1.0),
    ),
    own(
        "instructions of an item to the server, alone, against a notification",
        Instructions,
        (counts::ALONE, counts::NOTIFIED),
        AtMost(1.3),
    ),
    own(
        "instructions of an item to the server, 32 together, against a notification",
        Instructions,
        (counts::TOGETHER, counts::NOTIFIED),
        AtMost(0.4),
    ),
    own(
        "instructions of an item from the server, 32 together, against a notification",
        Instructions,
        (counts::PULLED, counts::SHOUTED),
        AtMost(0.4),
    ),
    own(
        "p99 of calls beside a stream that is not read, against without it",
        P99,
        (streams::STALLED, streams::LIVE),
        AtMost(1.2),
    ),
    memory("bytes a connection adds, 1 000 idle", memory::THOUSAND.test, 8192.0),
    memory("bytes a connection adds, 10 000 idle", memory::ALL.test, 8192.0),
    memory("the same after 1 MiB each way", memory::LARGE.test, 16384.0),
    flat("CPU a call beside 9 900 idle connections, against alone", crowd::IDLE, crowd::ALONE),
    flat("CPU a call beside 100 000 pending calls, against alone", crowd::PENDING, crowd::ALONE),
    flat("CPU a peer of a broadcast to 10 000, against one to 1 000", broadcast::ALL, broadcast::THOUSAND),
    ratio(
        "CPU a member of a group of 10 000 on another node, against one node",
        Cpu,
        groups::MANY,
        ONE_NODE,
        AtMost(1.2),
    ),
    ratio(
        "cargo build of 100 methods, against jsonrpsee's macro",
        Build,
        compile::DEBUG,
        JSONRPSEE,
        AtMost(1.5),
    ),
];

impl Goal {
    /// The measured value; `None` if this run has not measured it.
    pub(crate) fn measured(&self, results: &Results) -> Option<Summary> {
        match self.figure {
            Figure::Plain(metric, test) => results.summary(test, metric, BIRPC),
            Figure::Ratio(metric, test, against) => results.ratio((test, BIRPC), against, metric),
        }
    }

    /// Whether a ratio of rates is unreliable: one of the two servers did not have its whole core, or did not
    /// need it.
    pub(crate) fn is_in_doubt(&self, results: &Results) -> bool {
        let Figure::Ratio(Rate, test, (_, against)) = self.figure else { return false };
        let busy = |of: &&str| results.summary(test, Metric::Busy, of);
        [BIRPC, against].iter().filter_map(busy).any(|busy| busy.median < FULL_CORE)
    }

    /// Whether a figure meets the goal.
    pub(crate) fn met_by(&self, figure: f64) -> bool {
        match self.bound {
            AtMost(most) => figure <= most,
            AtLeast(least) => figure >= least,
        }
    }

    /// The goal in words.
    pub(crate) fn bound(&self) -> String {
        match self.bound {
            AtMost(most) => format!("at most {}", self.show(most)),
            AtLeast(least) => format!("at least {}", self.show(least)),
        }
    }

    /// The results of the rounds, in the goal's unit.
    pub(crate) fn show_spread(&self, Summary { median, least, most }: Summary) -> String {
        if least == most {
            return self.show(median);
        }
        format!("{} ({}–{})", self.show(median), self.digits(least), self.digits(most))
    }

    fn show(&self, figure: f64) -> String {
        let unit = if matches!(self.figure, Figure::Ratio(..)) { " ×" } else { "" };
        format!("{}{unit}", self.digits(figure))
    }

    fn digits(&self, figure: f64) -> String {
        match self.figure {
            Figure::Plain(..) => thousands(figure),
            Figure::Ratio(..) => format!("{figure:.2}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_on_its_side_of_the_bound_and_unknown_without_figures() {
        let goal = &GOALS[0];
        let mut results = Results::default();
        results.record(PIPELINED.test, Cpu, BIRPC, 1.5);
        assert_eq!(goal.measured(&results), None, "the floor is missing");
        results.record(PIPELINED.test, Cpu, FLOOR, 1.2);
        let one = Summary { median: 1.25, least: 1.25, most: 1.25 };
        assert_eq!(goal.measured(&results), Some(one));
        assert!(goal.met_by(1.25) && !goal.met_by(1.36));
        assert_eq!((goal.bound(), goal.show_spread(one)), ("at most 1.35 ×".into(), "1.25 ×".into()));
        let rounds = Summary { median: 1.25, least: 1.2, most: 1.301 };
        assert_eq!(goal.show_spread(rounds), "1.25 × (1.20–1.30)");
        let goal = &GOALS[1];
        assert!(goal.met_by(8.0) && !goal.met_by(7.9));
    }

    #[test]
    fn a_rate_is_in_doubt_if_a_server_did_not_have_its_core() {
        let goal = &GOALS[1];
        let mut results = Results::default();
        results.record(PIPELINED.test, Metric::Busy, BIRPC, 99.0);
        assert!(!goal.is_in_doubt(&results));
        results.record(PIPELINED.test, Metric::Busy, JSONRPSEE, 60.0);
        assert!(goal.is_in_doubt(&results));
        assert!(!GOALS[0].is_in_doubt(&results), "CPU does not depend on that");
    }

    #[test]
    fn memory_is_judged_in_bytes() {
        let goal = GOALS.iter().find(|goal| goal.what.starts_with("bytes")).expect("memory has a goal");
        let mut results = Results::default();
        results.record(memory::THOUSAND.test, Metric::Memory, BIRPC, 8000.0);
        assert_eq!(goal.measured(&results).map(|summary| summary.median), Some(8000.0));
        assert_eq!(goal.bound(), "at most 8 192");
    }
}
