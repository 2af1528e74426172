//! Calls of a peer of another node, beside the request and reply of NATS by hand, and beside calls of a peer
//! of the same node.

use std::{cell::OnceCell, rc::Rc};

use crate::{
    contestants::{BIRPC, BY_HAND, Nodes, ONE_NODE},
    load::{
        Load,
        calls::{Calls, Pace},
        exchange::Exchange,
        groups::Callee,
        script::Script,
    },
    measure::{Run, calls::turn},
    results::{Group, Metric, Test},
    server::Server,
};

const fn callers(name: &'static str) -> Test {
    Test { group: Group::Remote, name }
}

/// The numbers of callers: of calls in flight on one connection, as of tasks that share a client.
const CALLERS: &[(Test, usize)] = &[(callers("1 caller"), 1), (callers("256 callers"), 256)];

/// All contestants are measured in each round, each of them first in one.
const ROUNDS: usize = 3;

/// Calls in a closed loop. Servers, programs and peers share a core.
pub(crate) fn calls(run: &mut Run, nodes: &Nodes) -> Result<(), String> {
    run.contestants.cores.together()?;
    run.attempt(BIRPC, "calls of peers of another node", |run| by_turns(run, nodes))?;
    run.contestants.cores.apart()
}

fn by_turns(run: &mut Run, nodes: &Nodes) -> Result<(), String> {
    let mut contestants = [BIRPC, ONE_NODE, BY_HAND];
    for round in 1..=ROUNDS {
        run.stage = format!("nodes, round {round} of {ROUNDS}");
        for (test, callers) in CALLERS {
            for of in contestants {
                match of {
                    BY_HAND => by_hand(run, *test, *callers, nodes)?,
                    of => to_peer(run, *test, *callers, nodes, of)?,
                }
            }
        }
        contestants.rotate_left(1);
    }
    Ok(())
}

/// Calls from the first node of a peer of the other one, or of the same.
fn to_peer(run: &mut Run, test: Test, callers: usize, nodes: &Nodes, of: &'static str) -> Result<(), String> {
    let (to, servers): (_, &[&Server]) = match of {
        ONE_NODE => (&nodes.from, &[&nodes.from]),
        _ => (&nodes.to, &[&nodes.from, &nodes.to]),
    };
    let mut load = Load::new(to.address)?;
    let id = callee(&mut load)?;
    load.turn_to(nodes.from.address);
    let exchange = Rc::new(Exchange::new("call_peer", &format!(r#"["{id}","add",[1,2],10000]"#), "3"));
    let callers =
        load.connect(1, || -> Box<dyn Script> { Box::new(Calls::new(&exchange, callers, Pace::Steady)) })?;
    let before = nodes.engine.cpu()?;
    let measured = turn(servers, load, callers, run.turn / 2)?;
    let engine = nodes.engine.cpu()?.saturating_sub(before).as_secs_f64() * 1e6;
    measured.record(run, test, of);
    run.record(test, of, &[(Metric::EngineCpu, engine / measured.all_calls() as f64)]);
    Ok(())
}

/// The id of a new peer that answers.
fn callee(load: &mut Load) -> Result<String, String> {
    let id = Rc::new(OnceCell::new());
    let asked = r#"{"jsonrpc":"2.0","method":"add","params":[1,2],"id":"#;
    let callee =
        load.connect(1, || -> Box<dyn Script> { Box::new(Callee { id: id.clone(), asked, result: "3" }) })?;
    load.begin(callee)?;
    load.run(|tally| tally.heard() == 1)?;
    id.get().cloned().ok_or_else(|| "a peer has no global id".into())
}

/// The programs that NATS connects.
fn by_hand(run: &mut Run, test: Test, callers: usize, nodes: &Nodes) -> Result<(), String> {
    let (callers, seconds) = (callers.to_string(), (run.turn / 2).as_secs_f64().to_string());
    let arguments = ["--nats", nodes.engine.url(), "--callers", &callers, "--seconds", &seconds];
    let before = nodes.engine.cpu()?;
    let printed = run.contestants.output("by_hand", &arguments)?;
    let engine = nodes.engine.cpu()?.saturating_sub(before).as_secs_f64() * 1e6;
    let figure = |name: &str| {
        figure(&printed, name)
            .ok_or_else(|| format!("`by_hand` printed `{}`, without {name}", printed.trim()))
    };
    let figures = [
        (Metric::Rate, figure("calls")? / figure("seconds")?),
        (Metric::Cpu, figure("cpu")? * 1e6 / figure("calls")?),
        (Metric::P50, figure("p50")?),
        (Metric::P99, figure("p99")?),
        (Metric::EngineCpu, engine / figure("all")?),
    ];
    run.record(test, BY_HAND, &figures);
    Ok(())
}

/// The number after a name.
fn figure(printed: &str, name: &str) -> Option<f64> {
    let mut words = printed.split_whitespace().skip_while(|word| *word != name);
    words.nth(1)?.parse().ok().filter(|figure| *figure > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_by_name() {
        let printed = "calls 10 all 12 seconds 0.5 cpu 0.0\n";
        assert_eq!((figure(printed, "calls"), figure(printed, "seconds")), (Some(10.0), Some(0.5)));
        assert_eq!(figure(printed, "cpu"), None, "there is a division by it");
        assert_eq!(figure(printed, "p50"), None);
    }
}
