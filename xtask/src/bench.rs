//! `cargo xtask bench`: measures birpc beside the floor of its socket library and beside other frameworks.
//!
//! The package `bench` measures. This command builds it in release mode and installs the packages that run on
//! node. Each contestant is built separately, so that the features that one requires of a shared dependency
//! do not affect the others. It needs Linux, since it reads /proc.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use crate::{
    places::{Places, Profile},
    process::Process,
    tools::Node,
};

/// The time limit of a run; a full one takes half of it.
const LIMIT: Duration = Duration::from_secs(90 * 60);

/// The contestants that need another library, which is a feature of the package.
const PEERS: &[(&str, &[&str])] =
    &[("jsonrpsee", &["jsonrpsee_server", "pair_jsonrpsee"]), ("tarpc", &["pair_tarpc"])];

const FLAGS: &[&str] = &["--quick", "--record", "--strict"];

/// Builds all contestants and measures them.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    if let Some(unknown) = arguments.iter().find(|argument| !FLAGS.contains(&argument.as_str())) {
        return Err(format!("unknown argument `{unknown}`: `{}` are there", FLAGS.join("`, `")));
    }
    if !cfg!(target_os = "linux") {
        println!("SKIPPED - bench: only Linux tells in /proc what a process takes");
        let strict = arguments.iter().any(|argument| argument == "--strict");
        return Ok(if strict { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    let places = Places::find("bench", Profile::Release)?;
    // Without its feature `inspector`, which users switch on themselves, and with no other package, whose
    // features it would get.
    let testbed = ["--package", "birpc-testbed", "--example", "testbed", "--no-default-features"];
    places.build(&testbed)?;
    places.build(&["--package", "birpc-bench", "--bins"])?;
    for (feature, programs) in PEERS {
        let mut peer = vec!["--package", "birpc-bench", "--features", feature];
        peer.extend(programs.iter().flat_map(|program| ["--bin", program]));
        places.build(&peer)?;
    }

    let mut command = places.program("birpc-bench");
    command.args(arguments);
    match rpc_websockets(&places) {
        Ok(folder) => command.arg("--rpc-websockets").arg(folder),
        Err(why) => command.arg("--without-rpc-websockets").arg(one_line(&why)),
    };
    let status = Process::start("birpc-bench", &mut command)?.follow(LIMIT, |line| println!("{line}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
