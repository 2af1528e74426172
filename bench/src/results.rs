//! The figures of all rounds, by test, metric and contestant.

use std::fmt;

use crate::{
    contestants::{BOUND, BY_HAND, FLOOR, JSONRPSEE, ONE_NODE},
    statistics::Summary,
};

/// The meaning of a figure, and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Rate,
    Cpu,
    EngineCpu,
    Busy,
    LoadBusy,
    P50,
    P99,
    P999,
    Time,
    Memory,
    Allocations,
    Allocated,
    Instructions,
    Build,
    BuildCpu,
    Code,
    Binary,
}

impl Metric {
    /// The head of its column.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Rate => "a second",
            Self::Cpu => "server CPU, µs each",
            Self::EngineCpu => "nats-server's CPU, µs each",
            Self::Busy => "server's core busy, %",
            Self::LoadBusy => "load's core busy, %",
            Self::P50 => "p50, µs",
            Self::P99 => "p99, µs",
            Self::P999 => "p99.9, µs",
            Self::Time => "until all have it, ms",
            Self::Memory => "bytes a connection",
            Self::Allocations => "allocations a call",
            Self::Allocated => "bytes a call",
            Self::Instructions => "instructions a call",
            Self::Build => "seconds",
            Self::BuildCpu => "seconds of CPU",
            Self::Code => "bytes of machine code",
            Self::Binary => "bytes of the binary",
        }
    }

    /// The name of a ratio of it.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Cpu => "CPU",
            other => other.title(),
        }
    }

    /// Whether the range of the rounds is worth showing.
    pub(crate) fn has_spread(self) -> bool {
        !matches!(self, Self::Busy | Self::LoadBusy | Self::P50 | Self::P99 | Self::P999)
    }

    /// A figure with its significant digits, and thin spaces between thousands.
    pub(crate) fn show(self, figure: f64) -> String {
        match self {
            Self::Rate | Self::Memory | Self::Allocated | Self::Instructions | Self::Code | Self::Binary => {
                thousands(figure)
            }
            Self::Build | Self::BuildCpu => format!("{figure:.1}"),
            Self::Busy | Self::LoadBusy => format!("{figure:.0}"),
            Self::Allocations => format!("{figure:.1}"),
            Self::Cpu | Self::EngineCpu | Self::P50 | Self::P99 | Self::P999 | Self::Time => {
                if figure >= 100.0 { thousands(figure) } else { format!("{figure:.2}") }
            }
        }
    }
}

/// A whole number in groups of three digits.
pub(crate) fn thousands(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && !text.ends_with('-') {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A test: a table, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) group: Group,
    pub(crate) name: &'static str,
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.group, self.name)
    }
}

/// Tests that are shown together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Calls,
    Payloads,
    Traffic,
    Streams,
    Stalled,
    Broadcast,
    Groups,
    Remote,
    Crowd,
    Pairs,
    Memory,
    Counts,
    Compile,
}

impl Group {
    pub(crate) const ALL: [Self; 13] = [
        Self::Calls,
        Self::Payloads,
        Self::Traffic,
        Self::Streams,
        Self::Stalled,
        Self::Broadcast,
        Self::Groups,
        Self::Remote,
        Self::Crowd,
        Self::Pairs,
        Self::Memory,
        Self::Counts,
        Self::Compile,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Calls => "Calls of add(1, 2): connections × in flight on each",
            Self::Payloads => "Calls of echo: size of the string, connections × in flight",
            Self::Traffic => "Notifications, and calls that the server makes: 64 × 16",
            Self::Streams => "Streams against notifications: 64 connections, each with one",
            Self::Stalled => "1 000 calls a second of add(1, 2), on one connection beside",
            Self::Broadcast => "One notification to all peers",
            Self::Groups => "One notification to a group, on one node, and from one node to another",
            Self::Remote => "Calls of add(1, 2) to a peer of another node, beside NATS by hand",
            Self::Crowd => "Calls of add(1, 2), 64 × 16, beside other connections",
            Self::Pairs => "Own client and own server in one process, over one connection: callers",
            Self::Memory => "Memory that connections add to the server",
            Self::Counts => "Counted, not timed",
            Self::Compile => "Compiling a hundred methods, their service and calls of them",
        }
    }

    /// The metric and the contestant to which the tests of a group are compared.
    pub(crate) fn baseline(self) -> Option<(Metric, &'static str)> {
        match self {
            Self::Calls | Self::Payloads => Some((Metric::Cpu, FLOOR)),
            Self::Groups => Some((Metric::Cpu, ONE_NODE)),
            Self::Remote => Some((Metric::Cpu, BY_HAND)),
            Self::Pairs => Some((Metric::Rate, BOUND)),
            Self::Counts => Some((Metric::Instructions, FLOOR)),
            Self::Compile => Some((Metric::Build, JSONRPSEE)),
            _ => None,
        }
    }
}

/// The figures of one contestant in one test, one for each round.
pub(crate) struct Series {
    pub(crate) test: Test,
    pub(crate) metric: Metric,
    pub(crate) of: &'static str,
    figures: Vec<f64>,
}

impl Series {
    pub(crate) fn summary(&self) -> Option<Summary> {
        Summary::of(&self.figures)
    }
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Results {
    series: Vec<Series>,
}

impl Results {
    /// Adds the figure of a round.
    pub(crate) fn record(&mut self, test: Test, metric: Metric, of: &'static str, figure: f64) {
        match self
            .series
            .iter_mut()
            .find(|series| (series.test, series.metric, series.of) == (test, metric, of))
        {
            Some(series) => series.figures.push(figure),
            None => self.series.push(Series { test, metric, of, figures: vec![figure] }),
        }
    }

    /// All series of a group, in the order in which they were recorded.
    pub(crate) fn of_group(&self, group: Group) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(move |series| series.test.group == group)
    }

    pub(crate) fn summary(&self, test: Test, metric: Metric, of: &str) -> Option<Summary> {
        Summary::of(self.figures(test, metric, of)?)
    }

    /// The ratios between two figures of the same rounds.
    pub(crate) fn ratio(
        &self,
        figure: (Test, &str),
        against: (Test, &str),
        metric: Metric,
    ) -> Option<Summary> {
        let figures = self.figures(figure.0, metric, figure.1)?;
        Summary::of_ratios(figures, self.figures(against.0, metric, against.1)?)
    }

    fn figures(&self, test: Test, metric: Metric, of: &str) -> Option<&[f64]> {
        let found = self.series.iter().find(|s| s.test == test && s.metric == metric && s.of == of);
        found.map(|series| &series.figures[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: Test = Test { group: Group::Calls, name: "64 × 16" };

    #[test]
    fn figures_are_shown_with_the_digits_that_mean_something() {
        assert_eq!(Metric::Rate.show(1_234_567.8), "1 234 568");
        assert_eq!(Metric::Rate.show(999.4), "999");
        assert_eq!(Metric::Memory.show(-1234.0), "-1 234");
        assert_eq!(Metric::Memory.show(-123.0), "-123");
        assert_eq!(Metric::Cpu.show(0.5551), "0.56");
        assert_eq!(Metric::P99.show(12_345.6), "12 346");
        assert_eq!(Metric::Busy.show(99.7), "100");
    }

    #[test]
    fn ratios_are_of_the_same_rounds() {
        let mut results = Results::default();
        for (birpc, floor) in [(1.0, 1.0), (30.0, 20.0), (6.0, 2.0)] {
            results.record(TEST, Metric::Cpu, "birpc", birpc);
            results.record(TEST, Metric::Cpu, "floor", floor);
        }
        let ratio = results.ratio((TEST, "birpc"), (TEST, "floor"), Metric::Cpu);
        assert_eq!(ratio, Some(Summary { median: 1.5, least: 1.0, most: 3.0 }));
        assert_eq!(results.ratio((TEST, "birpc"), (TEST, "none"), Metric::Cpu), None);
        assert_eq!(results.ratio((TEST, "birpc"), (TEST, "floor"), Metric::Rate), None);
        assert_eq!(results.of_group(Group::Calls).count(), 2);
        assert_eq!(results.of_group(Group::Pairs).count(), 0);
    }
}
