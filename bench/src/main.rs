//! Measures birpc beside the floor of its socket library, the bound of a client, and other frameworks, in one
//! run.
//!
//! All contestants are measured in each round, so that other load on the machine affects all alike; the
//! ratios are what counts. `cargo xtask bench` builds the programs that this one starts. docs/performance.md
//! says how to read the output.

mod arguments;
mod contestants;
mod engine;
mod gate;
mod goals;
mod load;
mod machine;
mod measure;
mod process;
mod report;
mod results;
mod server;
mod statistics;

use std::{env, path::PathBuf, process::ExitCode};

use crate::{
    arguments::Arguments,
    contestants::{BIRPC, Contestants, FLOOR, JSONRPSEE},
    measure::{Run, broadcast, calls, compile, counts, crowd, groups, memory, pairs, remote, streams},
    results::Results,
    server::Server,
};

fn main() -> ExitCode {
    let outcome = Arguments::parse(env::args().skip(1)).and_then(|arguments| run(&arguments));
    outcome.unwrap_or_else(|why| {
        eprintln!("error: {why}");
        ExitCode::FAILURE
    })
}

fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let mut run = Run {
        contestants: Contestants::find(arguments.rpc_websockets.clone(), arguments.nats_server.clone())?,
        turn: arguments.turn(),
        quick: arguments.quick,
        open_files: machine::raise_file_limit()?,
        results: Results::default(),
        missing: Vec::new(),
        stage: String::new(),
    };
    if arguments.nodes {
        nodes(&mut run)?;
    } else {
        measure_all(&mut run, arguments.rounds())?;
    }
    if arguments.record {
        gate::record(&run.results)?;
    }
    let verdicts = gate::judge(&run.results, gate::recorded()?.as_ref());
    print!("{}", report::text(&run, &verdicts));
    if !arguments.quick && !arguments.nodes {
        let docs: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "docs"].iter().collect();
        report::write_page(&run, &machine::described(&run.contestants.cores), &docs)?;
    }
    let failed = verdicts.iter().any(|verdict| verdict.fails(arguments.strict));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Each round has all tests, and each test all contestants.
fn measure_all(run: &mut Run, rounds: usize) -> Result<(), String> {
    let (servers, without_servers) = run.contestants.servers();
    let (pairs, without_pairs) = run.contestants.pairs();
    run.missing.extend(without_servers.into_iter().chain(without_pairs));
    run.stage = "counts".into();
    counts::instructions(run);
    counts::streams(run);
    counts::allocations(run)?;
    for round in 1..=rounds {
        run.stage = format!("round {round} of {rounds}");
        let servers = rotated(&servers, round);
        under_load(run, &servers)?;
        if !run.quick {
            crowd::crowds(run)?;
        }
        at_rest(run, &servers, round == 1)?;
        pairs::pairs(run, &rotated(&pairs, round))?;
    }
    nodes(run)?;
    if !run.quick {
        run.stage = "compile time".into();
        compile::compile(run)?;
    }
    Ok(())
}

/// A different contestant begins in each round, so that none is always measured after the same one.
fn rotated(names: &[&'static str], round: usize) -> Vec<&'static str> {
    let (before, from) = names.split_at((round - 1) % names.len().max(1));
    [from, before].concat()
}

/// Each shape of calls with each server, and the tests that only birpc supports; servers are started anew.
fn under_load(run: &mut Run, names: &[&'static str]) -> Result<(), String> {
    let mut servers: Vec<Server> = Vec::new();
    for name in names {
        run.attempt(name, "start", |run| {
            servers.push(calls::start_warm(run, name)?);
            Ok(())
        })?;
    }
    for shape in if run.quick { calls::QUICK } else { calls::FULL } {
        for server in &servers {
            shape.load(run, server)?;
        }
    }
    let birpc = servers.iter().find(|server| server.name == BIRPC);
    if let Some(server) = birpc.filter(|_| !run.quick) {
        calls::notifications(run, server)?;
        calls::relays(run, server)?;
        streams::rates(run, server)?;
        streams::stalled(run, server)?;
        broadcast::broadcast(run, server)?;
    }
    Ok(())
}

/// Groups and calls over two nodes, if there is a nats-server.
fn nodes(run: &mut Run) -> Result<(), String> {
    run.stage = "nodes".into();
    match run.contestants.nodes()? {
        Ok(nodes) => {
            groups::few(run, &nodes)?;
            remote::calls(run, &nodes)?;
            groups::many(run, &nodes)
        }
        Err(missing) => {
            run.leave_out(missing.what, missing.why);
            Ok(())
        }
    }
}

/// The memory of idle connections. It hardly differs between rounds, so a quick run measures it once.
fn at_rest(run: &mut Run, servers: &[&'static str], first: bool) -> Result<(), String> {
    let crowds: &[memory::Crowd] = match (run.quick, first) {
        (true, true) => &[memory::THOUSAND],
        (true, false) => &[],
        (false, _) => &[memory::FIRST, memory::THOUSAND, memory::ALL, memory::LARGE, memory::STREAMS],
    };
    for crowd in crowds {
        for name in servers.iter().filter(|name| [FLOOR, BIRPC, JSONRPSEE].contains(name)) {
            memory::memory(run, name, *crowd)?;
        }
    }
    Ok(())
}
