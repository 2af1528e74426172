//! The memory that connections add to a new server.

use std::{rc::Rc, time::Duration};

use crate::{
    contestants::BIRPC,
    load::{
        Load,
        calls::{Calls, Pace},
        exchange::Exchange,
        script::Script,
        streams::Open,
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

/// The number of connections, and what each has carried or has.
#[derive(Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) test: Test,
    connections: usize,
    with: With,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum With {
    Nothing,
    /// It has carried a message of 1 MiB in both directions.
    Large,
    /// A result of it is a stream that is open and has nothing to give.
    Stream,
}

pub(crate) const FIRST: Crowd =
    Crowd { test: held("1 idle connection"), connections: 1, with: With::Nothing };
pub(crate) const THOUSAND: Crowd =
    Crowd { test: held("1 000 idle connections"), connections: 1000, with: With::Nothing };
/// As many as the default limit allows.
pub(crate) const ALL: Crowd =
    Crowd { test: held("10 000 idle connections"), connections: 10_000, with: With::Nothing };
pub(crate) const LARGE: Crowd = Crowd {
    test: held("1 000 idle connections, after 1 MiB each way"),
    connections: 1000,
    with: With::Large,
};
pub(crate) const STREAMS: Crowd = Crowd {
    test: held("10 000 connections, each with a stream that is open"),
    connections: 10_000,
    with: With::Stream,
};

/// The memory that each connection adds to a new server.
pub(crate) fn memory(run: &mut Run, of: &'static str, crowd: Crowd) -> Result<(), String> {
    if (crowd.with == With::Stream && of != BIRPC) || !run.has_room(crowd.test, crowd.connections) {
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
        match crowd.with {
            With::Stream => Box::new(Open),
            With::Nothing | With::Large => Box::new(Calls::new(&exchange, 1, Pace::Lockstep)),
        }
    })?;
    if crowd.with == With::Stream {
        load.begin(all)?;
        load.run(|tally| tally.heard() == crowd.connections as u64)?;
    } else if crowd.with == With::Large {
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
