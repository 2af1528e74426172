//! The cost of a call while the server has many other connections: idle ones, or ones with pending calls.

use std::rc::Rc;

use crate::{
    contestants::BIRPC,
    load::{
        Load,
        exchange::Exchange,
        script::Script,
        scripts::{Idle, Pending},
    },
    measure::{
        Run,
        calls::{PIPELINED, measure},
    },
    results::{Group, Test},
};

const fn beside(name: &'static str) -> Test {
    Test { group: Group::Crowd, name }
}

/// Without other connections, for comparison.
pub(crate) const ALONE: Test = beside("nobody");
/// Together with the callers just below 10 000, the default limit.
pub(crate) const IDLE: Test = beside("9 900 idle connections");
pub(crate) const PENDING: Test = beside("100 000 pending calls on 100 connections");

/// The number of other connections, and how many calls each keeps pending; a connection's default limit is
/// 1024.
const CROWDS: &[(Test, usize, usize)] = &[
    (ALONE, 0, 0),
    (beside("1 000 idle connections"), 1000, 0),
    (IDLE, 9900, 0),
    (beside("1 000 pending calls on 1 connection"), 1, 1000),
    (PENDING, 100, 1000),
];

/// Longer than any run: calls with it stay pending.
const FOREVER: &str = "[3600000]";

/// Loads a server with each of these in turn.
pub(crate) fn crowds(run: &mut Run) -> Result<(), String> {
    for (test, connections, calls) in CROWDS {
        if run.has_room(*test, *connections) {
            run.attempt(BIRPC, *test, |run| beside_crowd(run, *test, *connections, *calls))?;
        }
    }
    Ok(())
}

fn beside_crowd(run: &mut Run, test: Test, connections: usize, calls: usize) -> Result<(), String> {
    let server = run.contestants.start(BIRPC)?;
    let exchange = Rc::new(Exchange::new("sleep", FOREVER, "3600000"));
    let mut load = Load::new(server.address)?;
    let crowd = load.connect(connections, || -> Box<dyn Script> {
        match calls {
            0 => Box::new(Idle),
            calls => Box::new(Pending { calls, exchange: exchange.clone() }),
        }
    })?;
    load.begin(crowd)?;
    let callers = PIPELINED.connect(&mut load)?;
    measure(run, test, &server, load, callers)
}
