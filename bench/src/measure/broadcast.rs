//! One notification to all peers: its cost for each peer, and when the last peer has it.

use std::{rc::Rc, time::Instant};

use crate::{
    contestants::BIRPC,
    load::{
        Load,
        calls::{Calls, Pace},
        exchange::Exchange,
        script::Script,
        scripts::Audience,
    },
    measure::Run,
    results::{Group, Metric, Test},
    server::Server,
    statistics::Summary,
};

const fn to(name: &'static str) -> Test {
    Test { group: Group::Broadcast, name }
}

pub(crate) const THOUSAND: Test = to("to 1 000 peers");
pub(crate) const ALL: Test = to("to 10 000 peers");

/// The numbers of peers, including the caller: 10 000 connections is the default limit.
const PEERS: &[(Test, usize)] = &[(to("to 1 peer"), 1), (THOUSAND, 1000), (ALL, 10_000)];

/// The number of messages sent in one turn, whatever the number of peers.
const MESSAGES: usize = 100_000;

/// Broadcasts to one peer, to a thousand and to ten thousand.
pub(crate) fn broadcast(run: &mut Run, server: &Server) -> Result<(), String> {
    for (test, peers) in PEERS {
        if run.has_room(*test, *peers) {
            run.attempt(BIRPC, *test, |run| to_peers(run, *test, *peers, server))?;
        }
    }
    Ok(())
}

fn to_peers(run: &mut Run, test: Test, peers: usize, server: &Server) -> Result<(), String> {
    let mut load = audience(server, peers)?;
    server.settle()?;
    let times = (MESSAGES / peers).clamp(5, 1000);
    once(&mut load, peers)?;
    let cpu = server.cpu()?;
    let mut until_all = Vec::with_capacity(times);
    for _ in 0..times {
        let start = Instant::now();
        once(&mut load, peers)?;
        until_all.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let cpu = server.cpu_since(cpu)?.as_secs_f64() * 1e6 / (times * peers) as f64;
    let until_all = Summary::of(&until_all).ok_or("nothing was broadcast")?.median;
    run.record(test, BIRPC, &[(Metric::Cpu, cpu), (Metric::Time, until_all)]);
    Ok(())
}

/// This many peers, the first of which requests the broadcasts.
fn audience(server: &Server, peers: usize) -> Result<Load, String> {
    let exchange = Rc::new(Exchange::new("broadcast", r#"["price",[1,2]]"#, &peers.to_string()));
    let broadcast: Rc<[u8]> = br#"{"jsonrpc":"2.0","method":"price","params":[1,2]}"#[..].into();
    let mut caller = Some(Calls::new(&exchange, 1, Pace::Lockstep));
    let mut load = Load::new(server.address)?;
    load.connect(peers, || -> Box<dyn Script> {
        Box::new(Audience { broadcast: broadcast.clone(), caller: caller.take() })
    })?;
    Ok(load)
}

/// One broadcast, until all peers have it and the caller knows their number.
fn once(load: &mut Load, peers: usize) -> Result<(), String> {
    let heard = load.tally.heard() + peers as u64;
    load.tally.allow_more(1);
    load.begin(0..1)?;
    load.run(|tally| tally.at_rest() && tally.heard() == heard)
}
