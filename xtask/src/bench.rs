//! `cargo xtask bench`: measures birpc beside the floor of its socket library and beside other frameworks.
//!
//! The package `bench` measures. This command builds it in release mode and installs the packages that run on
//! node. Each contestant is built separately, so that the features that one requires of a shared dependency
//! do not affect the others. It needs Linux, since it reads /proc.

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use crate::{
    places::{Places, Profile},
    process::Process,
    tools::{self, Node},
};

/// The time limit of a run; a full one takes half of it.
const LIMIT: Duration = Duration::from_secs(90 * 60);

/// The contestants that need another library, which is a feature of the package.
const PEERS: &[(&str, &[&str])] = &[
    ("jsonrpsee", &["jsonrpsee_server", "pair_jsonrpsee"]),
    ("tarpc", &["pair_tarpc"]),
    (NATS, &["by_hand"]),
];

/// The feature that nodes need, of the package and of the testbed.
const NATS: &str = "nats";

/// How the server is built that is measured on its own.
const TESTBED: &[&str] = &["--package", "birpc-testbed", "--example", "testbed", "--no-default-features"];

const FLAGS: &[&str] = &["--quick", "--nodes", "--record", "--strict"];

/// Builds all contestants and measures them.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    if let Some(unknown) = arguments.iter().find(|argument| !FLAGS.contains(&argument.as_str())) {
        return Err(format!("unknown argument `{unknown}`: `{}` are there", FLAGS.join("`, `")));
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if !cfg!(target_os = "linux") {
        println!("SKIPPED - bench: only Linux tells in /proc what a process takes");
        return Ok(if has("--strict") { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    let places = Places::find("bench", Profile::Release)?;
    let nats_server = node(&places)?;
    // Without its feature `inspector`, which users switch on themselves, and with no other package, whose
    // features it would get.
    if !has("--nodes") {
        places.build(TESTBED)?;
    }
    places.build(&["--package", "birpc-bench", "--bins"])?;
    for (feature, programs) in PEERS.iter().filter(|(feature, _)| !has("--nodes") || *feature == NATS) {
        let mut peer = vec!["--package", "birpc-bench", "--features", feature];
        peer.extend(programs.iter().flat_map(|program| ["--bin", program]));
        places.build(&peer)?;
    }

    let mut command = places.program("birpc-bench");
    command.args(arguments);
    let rpc_websockets =
        if has("--nodes") { Err("only nodes are measured".into()) } else { rpc_websockets(&places) };
    match rpc_websockets {
        Ok(folder) => command.arg("--rpc-websockets").arg(folder),
        Err(why) => command.arg("--without-rpc-websockets").arg(one_line(&why)),
    };
    match nats_server {
        Ok(program) => command.arg("--nats-server").arg(program),
        Err(why) => command.arg("--without-nats-server").arg(one_line(&why)),
    };
    let status = Process::start("birpc-bench", &mut command)?.follow(LIMIT, |line| println!("{line}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the server that may be one of several nodes, and keeps it beside the other one, whose name it has.
/// Returns the nats-server that connects them, or why there is none.
fn node(places: &Places) -> Result<Result<PathBuf, String>, String> {
    places.build(&[TESTBED, &["--features", NATS]].concat())?;
    let [testbed, node] = ["testbed", "testbed_node"].map(|name| places.example(name));
    fs::copy(testbed.get_program(), node.get_program())
        .map_err(|e| format!("cannot copy the testbed that is a node: {e}"))?;
    Ok(tools::find_or_install("nats-server", "nats-server"))
}

/// Installs rpc-websockets and a server that uses it.
fn rpc_websockets(places: &Places) -> Result<PathBuf, String> {
    let from = places.root().join("bench/rpc_websockets");
    Node::find()?.install(&from, &places.installed.join("rpc_websockets"))
}

/// Shortens a reason to one line for a report.
fn one_line(why: &str) -> String {
    why.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_of_several_lines_becomes_one() {
        assert_eq!(one_line("npm fails:\n  no network\n"), "npm fails: no network");
    }

    #[test]
    fn an_unknown_argument_builds_nothing() {
        let why = run(&["--quick".to_owned(), "--fast".to_owned()]).expect_err("there is no such flag");
        assert!(why.starts_with("unknown argument `--fast`: "), "{why}");
    }
}
