//! The memory that connections add to a new server.

use std::{rc::Rc, time::Duration};

use crate::{
    load::{
        Load,
        calls::{Calls, Pace},
        exchange::Exchange,
        script::Script,
    },
    measure::Run,
    results::{Group, Metric, Test},
};

/// How long connections are idle before their memory is measured. Nothing shows when a server has freed what
/// it will: the buffers of large messages are freed after some time.
const REST: Duration = Duration::from_secs(2);

const fn held(name: &'static str) -> Test {
    Test { group: Group::Memory, name }
}

/// The number of connections, and whether each has carried a message of 1 MiB in both directions.
#[derive(Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) test: Test,
    connections: usize,
    large: bool,
}

pub(crate) const FIRST: Crowd = Crowd { test: held("1 idle connection"), connections: 1, large: false };
pub(crate) const THOUSAND: Crowd =
    Crowd { test: held("1 000 idle connections"), connections: 1000, large: false };
/// As many as the default limit allows.
pub(crate) const ALL: Crowd =
    Crowd { test: held("10 000 idle connections"), connections: 10_000, large: false };
pub(crate) const LARGE: Crowd =
    Crowd { test: held("1 000 idle connections, after 1 MiB each way"), connections: 1000, large: true };

/// The memory that each connection adds to a new server.
pub(crate) fn memory(run: &mut Run, of: &'static str, crowd: Crowd) -> Result<(), String> {
    if !run.has_room(crowd.test, crowd.connections) {
        return Ok(());
    }
    run.attempt(of, crowd.test, |run| added(run, of, crowd))
}

fn added(run: &mut Run, of: &'static str, crowd: Crowd) -> Result<(), String> {
    let server = run.contestants.start(of)?;
    server.settle()?;
    let before = server.memory()?;
    let exchange = Rc::new(Exchange::echo(1 << 20));
    let mut load = Load::new(server.address)?;
    let all = load.connect(crowd.connections, || -> Box<dyn Script> {
        Box::new(Calls::new(&exchange, 1, Pace::Lockstep))
    })?;
    if crowd.large {
        for connection in all {
            load.tally.allow_more(1);
            load.begin(connection..connection + 1)?;
            load.run(|tally| tally.at_rest())?;
        }
    }
    load.rest(REST)?;
    let added = server.memory()? as f64 - before as f64;
    run.record(crowd.test, of, &[(Metric::Memory, added / crowd.connections as f64)]);
    Ok(())
}
