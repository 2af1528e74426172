//! What is measured. Each module is one kind of test; all of them take turns within a [`Run`].

pub(crate) mod broadcast;
pub(crate) mod calls;
pub(crate) mod compile;
pub(crate) mod counts;
pub(crate) mod crowd;
pub(crate) mod memory;
pub(crate) mod pairs;

use std::time::{Duration, Instant};

use crate::{
    contestants::{Contestants, Missing},
    load::{Load, histogram::Histogram},
    results::{Metric, Results, Test},
    server::{Server, own_cpu},
};

/// One run: who takes part, for how long, and what came of it so far.
pub(crate) struct Run {
    pub(crate) contestants: Contestants,
    /// How long one measurement is.
    pub(crate) turn: Duration,
    pub(crate) quick: bool,
    pub(crate) results: Results,
    pub(crate) missing: Vec<Missing>,
    /// What a line of progress begins with.
    pub(crate) stage: String,
}

impl Run {
    /// Adds the figures of one measurement, and shows the most important of them as progress.
    pub(crate) fn record(&mut self, test: Test, of: &'static str, figures: &[(Metric, f64)]) {
        let mut shown = Vec::new();
        for (metric, figure) in figures {
            self.results.record(test, *metric, of, *figure);
            if metric.has_spread() {
                shown.push(format!("{} {}", metric.show(*figure), metric.title()));
            }
        }
        eprintln!("{} · {:?} {} · {of}: {}", self.stage, test.group, test.name, shown.join(", "));
    }
}

/// What a server did under a load.
pub(crate) struct Measured {
    calls: u64,
    wall: Duration,
    cpu: Duration,
    load_cpu: Option<Duration>,
    latency: Histogram,
}

impl Measured {
    /// Loads a server for a while after a warm-up of a fifth, and waits for the last replies.
    ///
    /// The connections of `load` that make calls must have begun with none allowed.
    pub(crate) fn take(server: &Server, load: &mut Load, turn: Duration) -> Result<Self, String> {
        load.run_for(turn / 5)?;
        load.tally.take_latency();
        let (start, calls, cpu, load_cpu) = (Instant::now(), load.tally.done(), server.cpu()?, own_cpu());
        load.run_for(turn)?;
        let (wall, calls) = (start.elapsed(), load.tally.done() - calls);
        let cpu = server.cpu_since(cpu)?;
        let load_cpu = own_cpu().zip(load_cpu).map(|(now, before)| now - before);
        let latency = load.tally.take_latency();
        load.stop()?;
        Ok(Self { calls, wall, cpu, load_cpu, latency })
    }

    /// All that is said of calls.
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
