//! One notification to a group whose members are on another node, beside one to a group on one node.

use std::{
    ops::Range,
    rc::Rc,
    time::{Duration, Instant},
};

use crate::{
    contestants::{BIRPC, Nodes, ONE_NODE},
    engine::Engine,
    load::{
        Load,
        calls::{Calls, Pace},
        exchange::Exchange,
        groups::Member,
        script::Script,
    },
    measure::{Run, cpu_of},
    results::{Group, Metric, Test},
    server::Server,
    statistics::Summary,
};

const fn group_of(name: &'static str) -> Test {
    Test { group: Group::Groups, name }
}

/// The group whose members hide what a notification costs once.
pub(crate) const MANY: Test = group_of("10 000 members");
pub(crate) const FEW: Test = group_of("3 members");

/// The number of rounds on the same servers. In each, both sides send in turn.
const ROUNDS: usize = 5;

/// The number of members, and of notifications of each side in a round.
struct Shape {
    test: Test,
    members: usize,
    times: usize,
}

/// Who sends, and the servers that take part in it.
struct Side<'a> {
    servers: &'a [&'a Server],
    sender: Range<usize>,
    of: &'static str,
}

/// A group of three. On one node it is that of a server without NATS, which publishes nothing.
pub(crate) fn few(run: &mut Run, nodes: &Nodes) -> Result<(), String> {
    run.attempt(BIRPC, FEW, |run| among_few(run, nodes))
}

fn among_few(run: &mut Run, nodes: &Nodes) -> Result<(), String> {
    let alone = run.contestants.node("node-alone", None)?;
    let shape = Shape { test: FEW, members: 3, times: if run.quick { 200 } else { 1000 } };
    let mut load = Load::new(alone.address)?;
    let here = join(&mut load, &shape, "none")?;
    load.turn_to(nodes.to.address);
    join(&mut load, &shape, "published")?;
    let there = sender(&mut load, nodes)?;
    let one = Side { servers: &[&alone], sender: here, of: ONE_NODE };
    let two = Side { servers: &[&nodes.from, &nodes.to], sender: there, of: BIRPC };
    compare(run, &mut load, &nodes.engine, &shape, [one, two])
}

/// A group of as many as a server takes. The members are the same on both sides: what the node publishes when
/// it sends to its own is lost among them.
pub(crate) fn many(run: &mut Run, nodes: &Nodes) -> Result<(), String> {
    let shape = Shape { test: MANY, members: 10_000, times: if run.quick { 2 } else { 6 } };
    if run.has_room(MANY, shape.members + 1) {
        run.attempt(BIRPC, MANY, |run| among_many(run, nodes, &shape))?;
    }
    Ok(())
}

fn among_many(run: &mut Run, nodes: &Nodes, shape: &Shape) -> Result<(), String> {
    let mut load = Load::new(nodes.to.address)?;
    let here = join(&mut load, shape, "published")?;
    let there = sender(&mut load, nodes)?;
    let servers: &[&Server] = &[&nodes.from, &nodes.to];
    let one = Side { servers, sender: here, of: ONE_NODE };
    let two = Side { servers, sender: there, of: BIRPC };
    compare(run, &mut load, &nodes.engine, shape, [one, two])
}

/// Opens connections that join the group. Returns the first, which may also send to it; `remote` is then what
/// the server says of other servers.
fn join(load: &mut Load, shape: &Shape, remote: &str) -> Result<Range<usize>, String> {
    let joining = Rc::new(Exchange::new("join", r#"["group"]"#, "null"));
    let notification: Rc<[u8]> = br#"{"jsonrpc":"2.0","method":"price","params":[1,2]}"#[..].into();
    let mut sending = Some(sending(shape.members, remote));
    let members = load.connect(shape.members, || -> Box<dyn Script> {
        Box::new(Member::new(&joining, &notification, sending.take()))
    })?;
    load.tally.allow_more(shape.members as u64);
    load.begin(members.clone())?;
    load.run(|tally| tally.at_rest())?;
    Ok(members.start..members.start + 1)
}

/// Opens a connection to the other node, from which is sent to the group.
fn sender(load: &mut Load, nodes: &Nodes) -> Result<Range<usize>, String> {
    load.turn_to(nodes.from.address);
    load.connect(1, || -> Box<dyn Script> { Box::new(sending(0, "published")) })
}

/// The calls that send to the group, of whose members `local` are on that server.
fn sending(local: usize, remote: &str) -> Calls {
    let result = format!(r#"{{"local":{local},"remote":"{remote}"}}"#);
    let exchange = Exchange::new("send", r#"["group","price",[1,2]]"#, &result);
    Calls::new(&Rc::new(exchange), 1, Pace::Lockstep)
}

/// Both sides by turns.
fn compare(
    run: &mut Run,
    load: &mut Load,
    engine: &Engine,
    shape: &Shape,
    mut sides: [Side<'_>; 2],
) -> Result<(), String> {
    for side in &sides {
        once(load, &side.sender, shape.members)?;
    }
    for round in 1..=ROUNDS {
        run.stage = format!("nodes, round {round} of {ROUNDS}");
        for side in &sides {
            send(run, load, engine, shape, side)?;
        }
        sides.reverse();
    }
    Ok(())
}

fn send(
    run: &mut Run,
    load: &mut Load,
    engine: &Engine,
    shape: &Shape,
    side: &Side<'_>,
) -> Result<(), String> {
    side.servers.iter().try_for_each(|server| server.settle())?;
    let (before, engine_before) = (cpu_of(side.servers)?, engine.cpu()?);
    let mut until_all = Vec::with_capacity(shape.times);
    for _ in 0..shape.times {
        let start = Instant::now();
        once(load, &side.sender, shape.members)?;
        until_all.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let each = |now: Duration, before: Duration| {
        now.saturating_sub(before).as_secs_f64() * 1e6 / (shape.times * shape.members) as f64
    };
    let cpu = each(cpu_of(side.servers)?, before);
    let engine_cpu = each(engine.cpu()?, engine_before);
    let until_all = Summary::of(&until_all).ok_or("nothing was sent")?.median;
    let figures = [(Metric::Cpu, cpu), (Metric::EngineCpu, engine_cpu), (Metric::Time, until_all)];
    run.record(shape.test, side.of, &figures);
    Ok(())
}

/// One notification, until all members have it and the sender knows where it went.
fn once(load: &mut Load, sender: &Range<usize>, members: usize) -> Result<(), String> {
    let heard = load.tally.heard() + members as u64;
    load.tally.allow_more(1);
    load.begin(sender.clone())?;
    load.run(|tally| tally.at_rest() && tally.heard() == heard)
}
