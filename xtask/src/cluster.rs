//! `cargo xtask cluster`: tests what connects servers, with real nats-servers.
//!
//! First it runs the tests of `rpc-nats/tests/nats`, which `cargo test` lists as ignored. Then the script
//! `xtask/cluster/nodes.mjs` starts testbeds as nodes, each a process of its own. Both start the nats-servers
//! that they need, with ports from the system, and kill, stop and restart them. nats-server is installed if
//! it is missing, and no check is ever skipped.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::checks;
use crate::places::Places;
use crate::process::Process;
use crate::tally::Tally;
use crate::tools::{self, Node};

/// The time limit for building and running the tests.
const TESTS_LIMIT: Duration = Duration::from_secs(900);

/// The time limit of the script.
const NODES_LIMIT: Duration = Duration::from_secs(600);

/// The script that starts nodes.
const SCRIPT: &str = "nodes.mjs";

/// Makes all checks. Fails if one fails, or if nats-server can neither be found nor installed.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let began = Instant::now();
    let done = checks::run("cluster", arguments, check);
    println!("cluster: {} s", began.elapsed().as_secs());
    done
}

fn check(places: &Places, tally: &mut Tally) -> Result<(), String> {
    let server = tools::find_or_install("nats-server", "nats-server")?;
    println!("# {}", tools::output(Command::new(&server).arg("--version"))?);
    match run_tests(places, &server) {
        Ok(()) => tally.pass("the tests of birpc-nats"),
        Err(why) => tally.fail("the tests of birpc-nats", &why),
    }
    Node::find()?;
    // With the features of `cargo xtask interop`, so that birpc is compiled once.
    places.build_examples(&["testbed"], &["axum", "tls"])?;
    let mut script = Command::new("node");
    script.arg(places.scripts.join(SCRIPT)).env("NATS_SERVER", &server);
    script.env("TESTBED", places.example("testbed").get_program());
    tally.run_within(NODES_LIMIT, SCRIPT, &mut script);
    Ok(())
}

fn run_tests(places: &Places, server: &Path) -> Result<(), String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--quiet", "--package", "birpc-nats", "--all-features", "--test", "nats"]);
    cargo.args(["--", "--ignored"]).current_dir(places.root()).env("NATS_SERVER", server);
    let mut process = Process::start("the tests of birpc-nats", &mut cargo)?;
    let status = process.follow(TESTS_LIMIT, |line| println!("{line}"))?;
    if status.success() { Ok(()) } else { Err("see above".into()) }
}
