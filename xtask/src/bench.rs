//! `cargo xtask bench`: birpc beside the floor of its socket library and beside its peers.
//!
//! The package `bench` measures; this builds it for release and installs what runs on node. Each build is one of its
//! own, so that features which one contestant asks of a shared dependency are not forced on the next. As it reads
//! /proc, it needs Linux.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use crate::{
    places::{Places, Profile},
    process::Process,
    tools::Node,
};

/// How long a run may take; a full one takes half of it.
const LIMIT: Duration = Duration::from_secs(90 * 60);

/// The programs that need jsonrpsee or tarpc.
const PEERS: &[&str] = &["jsonrpsee_server", "pair_jsonrpsee", "pair_tarpc"];

const FLAGS: &[&str] = &["--quick", "--record", "--strict"];

/// Builds all contestants, and lets them run against each other.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    if let Some(unknown) = arguments.iter().find(|argument| !FLAGS.contains(&argument.as_str())) {
        return Err(format!("unknown argument `{unknown}`: `{}` are there", FLAGS.join("`, `")));
    }
    let places = Places::find("bench", Profile::Release)?;
    places.build_examples(&["testbed"], &[])?;
    places.build(&["--package", "birpc-bench", "--bins"])?;
    let mut peers = vec!["--package", "birpc-bench", "--features", "peers"];
    peers.extend(PEERS.iter().flat_map(|program| ["--bin", program]));
    places.build(&peers)?;

    let mut command = places.program("birpc-bench");
    command.args(arguments);
    match rpc_websockets(&places) {
        Ok(folder) => drop(command.arg("--rpc-websockets").arg(folder)),
        Err(why) => println!("SKIPPED - rpc-websockets: {why}"),
    }
    let status = Process::start("birpc-bench", &mut command)?.follow(LIMIT, |line| println!("{line}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Installs rpc-websockets and the server that is written with it.
fn rpc_websockets(places: &Places) -> Result<PathBuf, String> {
    let from = places.root().join("bench/rpc_websockets");
    Node::find()?.install(&from, &places.installed.join("rpc_websockets"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_argument_builds_nothing() {
        let why = run(&["--quick".to_owned(), "--fast".to_owned()]).expect_err("there is no such flag");
        assert!(why.starts_with("unknown argument `--fast`: "), "{why}");
    }
}
