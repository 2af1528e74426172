//! The measurements. Each module is a kind of test; they all run within a [`Run`].

pub(crate) mod broadcast;
pub(crate) mod calls;
pub(crate) mod compile;
pub(crate) mod counts;
pub(crate) mod crowd;
pub(crate) mod groups;
pub(crate) mod memory;
pub(crate) mod pairs;
pub(crate) mod remote;
pub(crate) mod streams;

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use birpc_bench::cpu::of_this_thread;

use crate::{
    contestants::{Contestants, INDISPENSABLE, Missing},
    load::{Load, histogram::Histogram},
    results::{Metric, Results, Test},
    server::Server,
};

/// The maximum number of files that a process has open in addition to its connections.
const OTHER_FILES: u64 = 100;

/// A run: its contestants, its length, and its results so far.
pub(crate) struct Run {
    pub(crate) contestants: Contestants,
    /// The length of a measurement.
    pub(crate) turn: Duration,
    pub(crate) quick: bool,
    /// How many files each process may have open.
    pub(crate) open_files: u64,
    pub(crate) results: Results,
    pub(crate) missing: Vec<Missing>,
    /// The beginning of a progress line.
    pub(crate) stage: String,
}

impl Run {
    /// Records the figures of a measurement, and shows the most important ones as progress.
    pub(crate) fn record(&mut self, test: Test, of: &'static str, figures: &[(Metric, f64)]) {
        let mut shown = Vec::new();
        for (metric, figure) in figures {
            self.results.record(test, *metric, of, *figure);
            if metric.has_spread() {
                shown.push(format!("{}: {}", metric.title(), metric.show(*figure)));
            }
        }
        eprintln!("{} · {test} · {of} · {}", self.stage, shown.join("; "));
    }

    /// Lets a contestant try `what`. A peer that fails is left out from then on, and the report says why.
    pub(crate) fn attempt(
        &mut self,
        of: &'static str,
        what: impl Display,
        turn: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        if self.is_left_out(of) {
            return Ok(());
        }
        let Err(why) = turn(self) else { return Ok(()) };
        let why = format!("{what}: {why}; its log is in bench-logs, beside the programs");
        if INDISPENSABLE.contains(&of) {
            return Err(format!("{of} · {why}"));
        }
        self.leave_out(of.into(), why);
        Ok(())
    }

    /// Reports once that something is not measured.
    pub(crate) fn leave_out(&mut self, what: String, why: String) {
        if !self.is_left_out(&what) {
            eprintln!("{} · left out · {what}: {why}", self.stage);
            self.missing.push(Missing { what, why });
        }
    }

    fn is_left_out(&self, what: &str) -> bool {
        self.missing.iter().any(|missing| missing.what == what)
    }

    /// Whether a server and its load may have this many connections; if not, the test is left out.
    pub(crate) fn has_room(&mut self, test: Test, connections: usize) -> bool {
        let has = connections as u64 + OTHER_FILES <= self.open_files;
        if !has {
            let why =
                format!("a process may have no more than {} files open (`ulimit -Hn`)", self.open_files);
            self.leave_out(test.to_string(), why);
        }
        has
    }
}

/// The results of servers under load.
pub(crate) struct Measured {
    calls: u64,
    all_calls: u64,
    wall: Duration,
    cpu: Duration,
    load_cpu: Option<Duration>,
    latency: Histogram,
}

impl Measured {
    /// Loads servers for a while after a warm-up of a fifth, and waits for the last replies.
    ///
    /// The connections of `load` that make calls must have begun with none allowed.
    pub(crate) fn take(servers: &[&Server], load: &mut Load, turn: Duration) -> Result<Self, String> {
        let before = load.tally.done();
        load.run_for(turn / 5)?;
        load.tally.take_latency();
        let (start, calls, cpu, load_cpu) =
            (Instant::now(), load.tally.done(), cpu_of(servers)?, of_this_thread());
        load.run_for(turn)?;
        let (wall, calls) = (start.elapsed(), load.tally.done() - calls);
        let cpu = cpu_of(servers)?.saturating_sub(cpu);
        let load_cpu = of_this_thread().zip(load_cpu).map(|(now, before)| now - before);
        let latency = load.tally.take_latency();
        load.stop()?;
        let all_calls = load.tally.done() - before;
        Ok(Self { calls, all_calls, wall, cpu, load_cpu, latency })
    }

    /// The number of calls, with those of the warm-up and the last ones.
    pub(crate) fn all_calls(&self) -> u64 {
        self.all_calls.max(1)
    }

    /// Records all figures about calls.
    pub(crate) fn record(&self, run: &mut Run, test: Test, of: &'static str) {
        let calls = self.calls.max(1) as f64;
        let (wall, cpu) = (self.wall.as_secs_f64(), self.cpu.as_secs_f64());
        let quantile = |share| self.latency.quantile(share) as f64 / 1e3;
        let mut figures = vec![
            (Metric::Rate, self.calls as f64 / wall),
            (Metric::Cpu, cpu * 1e6 / calls),
            (Metric::Busy, 100.0 * cpu / wall),
        ];
        figures.extend(self.load_cpu.map(|load| (Metric::LoadBusy, 100.0 * load.as_secs_f64() / wall)));
        figures.extend([
            (Metric::P50, quantile(0.5)),
            (Metric::P99, quantile(0.99)),
            (Metric::P999, quantile(0.999)),
        ]);
        run.record(test, of, &figures);
    }
}

/// The CPU time of some servers together.
pub(crate) fn cpu_of(servers: &[&Server]) -> Result<Duration, String> {
    servers.iter().map(|server| server.cpu()).sum()
}
