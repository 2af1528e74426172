//! Streams against notifications, and calls beside a stream that is not read.

use std::{ops::Range, rc::Rc, time::Duration};

use crate::{
    contestants::BIRPC,
    load::{
        Load,
        beside::Beside,
        credited::{Credited, Shouts},
        exchange::Exchange,
        histogram::Histogram,
        script::Script,
        streams::{Items, Pulls, Pushes},
    },
    measure::{Run, calls},
    results::{Group, Metric, Test},
    server::Server,
    statistics::Summary,
};

const fn of(name: &'static str) -> Test {
    Test { group: Group::Streams, name }
}

pub(crate) const UP: Test = of("items of 60 B to the server");
pub(crate) const NOTIFIED: Test = of("notifications of 60 B to the server");
pub(crate) const DOWN: Test = of("numbers from the server, as items");
pub(crate) const SHOUTED: Test = of("numbers from the server, as notifications");
const UP_1K: Test = of("items of 1 KiB to the server");
const NOTIFIED_1K: Test = of("notifications of 1 KiB to the server");
const DOWN_60: Test = of("items of 60 B from the server");
const DOWN_1K: Test = of("items of 1 KiB from the server");

/// Calls at a fixed rate on a connection with a hundred live streams, without and with one that is not read.
pub(crate) const LIVE: Test = Test { group: Group::Stalled, name: "100 live streams" };
pub(crate) const STALLED: Test =
    Test { group: Group::Stalled, name: "100 live streams, and one that is not read" };

/// Connections with a stream each.
const CONNECTIONS: usize = 64;

/// The length of a stream, after which comes the next.
const LENGTH: u64 = 3200;

const LIVE_STREAMS: u64 = 100;
const EVERY: Duration = Duration::from_millis(1);

/// How often each of the two is measured in a round.
const TURNS: usize = 5;

/// How long streams are open before anything is measured.
const BEFORE: Duration = Duration::from_millis(500);

/// A string whose JSON has this many bytes.
pub(crate) fn item(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes - 2))
}

/// A notification whose param is such an item. Its handler gives it back, to nobody.
fn notification(bytes: usize) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"echo","params":[{}]}}"#, item(bytes))
}

/// Items and notifications a second, in both directions.
pub(crate) fn rates(run: &mut Run, server: &Server) -> Result<(), String> {
    let fence = Rc::new(Exchange::add());
    let notified =
        |bytes: usize| -> Box<dyn Script> { Box::new(Credited::new(&notification(bytes), LENGTH, &fence)) };
    let down = |items: Items| -> Box<dyn Script> { Box::new(Pulls::new(items, LENGTH)) };
    let up = |bytes: usize| -> Box<dyn Script> { Box::new(Pushes::new(&item(bytes), 32, LENGTH)) };
    rate(run, server, NOTIFIED, || notified(60))?;
    rate(run, server, UP, || up(60))?;
    rate(run, server, NOTIFIED_1K, || notified(1 << 10))?;
    rate(run, server, UP_1K, || up(1 << 10))?;
    rate(run, server, SHOUTED, || Box::new(Shouts::new(LENGTH)))?;
    rate(run, server, DOWN, || down(Items::Numbers))?;
    rate(run, server, DOWN_60, || down(Items::Same(item(60))))?;
    rate(run, server, DOWN_1K, || down(Items::Same(item(1 << 10))))
}

fn rate(
    run: &mut Run,
    server: &Server,
    test: Test,
    script: impl FnMut() -> Box<dyn Script>,
) -> Result<(), String> {
    run.attempt(BIRPC, test, |run| {
        let mut load = Load::new(server.address)?;
        let callers: Range<usize> = load.connect(CONNECTIONS, script)?;
        calls::measure(run, test, server, load, callers)
    })
}

/// A thousand calls a second, without and with a stream that is not read, by turns. What a call at the 99th
/// percentile waits for is most often the machine's own business, so a round records the median of several
/// turns.
pub(crate) fn stalled(run: &mut Run, server: &Server) -> Result<(), String> {
    let mut latencies = [(LIVE, false, Vec::new()), (STALLED, true, Vec::new())];
    for _ in 0..TURNS {
        for (test, stalled, latencies) in &mut latencies {
            run.attempt(BIRPC, *test, |run| {
                latencies.push(beside(server, run.turn, *stalled)?);
                Ok(())
            })?;
        }
    }
    for (test, _, latencies) in latencies {
        let median = |share| {
            let turns: Vec<_> = latencies.iter().map(|turn| turn.quantile(share) as f64 / 1e3).collect();
            Summary::of(&turns).map(|summary| summary.median)
        };
        let figures =
            [(Metric::P50, median(0.5)), (Metric::P99, median(0.99)), (Metric::P999, median(0.999))];
        let figures: Vec<_> = figures.into_iter().filter_map(|(metric, it)| Some((metric, it?))).collect();
        run.record(test, BIRPC, &figures);
    }
    Ok(())
}

/// The latency of the calls of a turn.
fn beside(server: &Server, turn: Duration, stalled: bool) -> Result<Histogram, String> {
    let exchange = Rc::new(Exchange::add());
    server.settle()?;
    let mut load = Load::new(server.address)?;
    load.tally.allow(u64::MAX);
    let caller = load.connect(1, || Box::new(Beside::new(&exchange, LIVE_STREAMS, stalled)))?;
    load.pace(caller.clone(), EVERY, BEFORE)?;
    load.tally.take_latency();
    load.pace(caller, EVERY, turn)?;
    let latency = load.tally.take_latency();
    drop(load);
    server.settle()?;
    Ok(latency)
}
