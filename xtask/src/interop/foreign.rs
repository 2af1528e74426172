//! Libraries that implement more than JSON-RPC: Ethereum nodes, language servers, the Model Context Protocol,
//! events in a format of their own. Their clients call a testbed that plays the other role. The `foreign`
//! example calls their servers.

use std::path::PathBuf;
use std::process::Command;

use crate::places::Places;
use crate::server::Server;
use crate::tally::Tally;
use crate::tools::{self, Node, Python};

/// The scripts that call the testbed, with the testbed's role if they need one.
const CLIENTS: &[(&str, Option<&str>)] = &[
    ("ethers.mjs", Some("eth")),
    ("viem.mjs", Some("eth")),
    ("polkadot.mjs", None),
    ("lsp.mjs", Some("lsp")),
    ("mcp.mjs", Some("mcp")),
    ("rpc_websockets.mjs", None),
];

/// The scripts that serve, with the name that the `foreign` example has for such a server.
const SERVERS: &[(&str, &str)] =
    &[("lsp_server.mjs", "lsp"), ("mcp_server.mjs", "mcp"), ("rpc_websockets_server.mjs", "rpc-websockets")];

/// Runs the checks whose tools are installed.
pub(super) fn check(places: &Places, tally: &mut Tally) {
    check_with_node(places, tally);
    match tools::find("aria2c", "aria2") {
        Ok(daemon) => tally.run("foreign aria2", places.example("foreign").arg("aria2").arg(daemon)),
        Err(why) => tally.skip("aria2", &why),
    }
    check_anvil(places, tally);
    check_web3(places, tally);
    check_jsonrpsee(places, tally);
    tally.run("foreign jsonrpsee", places.example("foreign").args(["jsonrpsee", "its own"]));
}

/// web3.py, which subscribes at an Ethereum node.
fn check_web3(places: &Places, tally: &mut Tally) {
    const NAME: &str = "web3.py (python)";
    let python = match Python::find() {
        Ok(python) => python,
        Err(why) => return tally.skip(NAME, &why),
    };
    let scripts = places.scripts.join("web3");
    let installed = python.install(&scripts, &["requirements.txt"], &places.installed.join("web3"));
    let mut testbed = places.example("testbed");
    testbed.args(["--listen", "127.0.0.1:0", "--role", "eth"]);
    let started = installed.and_then(|venv| {
        Server::start("testbed-web3", &mut testbed, &places.logs).map(|testbed| (venv, testbed))
    });
    match started {
        Ok((venv, testbed)) => {
            let mut command = Command::new(venv);
            command.arg(scripts.join("subscriptions.py")).arg(&testbed.url).env("PYTHONUTF8", "1");
            tally.run("web3/subscriptions.py", &mut command);
        }
        Err(why) => tally.fail(NAME, &why),
    }
}

/// jsonrpsee, in a program of the benchmarks, which have it as a dependency.
fn check_jsonrpsee(places: &Places, tally: &mut Tally) {
    const PROGRAM: &str = "jsonrpsee_subscriber";
    let built = places.build(&["-p", "birpc-bench", "--features", "jsonrpsee", "--bin", PROGRAM]);
    let mut testbed = places.example("testbed");
    testbed.args(["--listen", "127.0.0.1:0"]);
    let started = built.and_then(|()| Server::start("testbed-jsonrpsee", &mut testbed, &places.logs));
    match started {
        Ok(testbed) => tally.run(PROGRAM, places.program(PROGRAM).arg(&testbed.url)),
        Err(why) => tally.fail(PROGRAM, &why),
    }
}

/// anvil, which the `foreign` example starts.
fn check_anvil(places: &Places, tally: &mut Tally) {
    const NAME: &str = "anvil (npm)";
    let node = match Node::find() {
        Ok(node) => node,
        Err(why) => return tally.skip(NAME, &why),
    };
    match anvil(&node, places) {
        Ok(program) => tally.run("foreign anvil", places.example("foreign").arg("anvil").arg(program)),
        Err(why) => tally.fail(NAME, &why),
    }
}

/// Foundry's node of Ethereum, whose npm package has the program for this machine.
pub(super) fn anvil(node: &Node, places: &Places) -> Result<PathBuf, String> {
    let folder = node.install(&places.scripts.join("anvil"), &places.installed.join("anvil"))?;
    let machine = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "linux-amd64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-amd64",
        ("macos", "aarch64") => "darwin-arm64",
        (os, arch) => return Err(format!("there is none for {os} on {arch}")),
    };
    Ok(folder.join(format!("node_modules/@foundry-rs/anvil-{machine}/bin/anvil")))
}

fn check_with_node(places: &Places, tally: &mut Tally) {
    const NAME: &str = "ethers, viem, polkadot-js, vscode-ws-jsonrpc, MCP, rpc-websockets (node)";
    let node = match Node::find() {
        Ok(node) => node,
        Err(why) => return tally.skip(NAME, &why),
    };
    // The scripts import node's harness from the folder beside theirs.
    let install = |folder| node.install(&places.scripts.join(folder), &places.installed.join(folder));
    let folder = match install("node").and_then(|_| install("foreign")) {
        Ok(folder) => folder,
        Err(why) => return tally.fail(NAME, &why),
    };
    for (script, role) in CLIENTS {
        let mut testbed = places.example("testbed");
        testbed.args(["--listen", "127.0.0.1:0"]);
        if let Some(role) = role {
            testbed.args(["--role", role]);
        }
        match Server::start(&format!("testbed-{script}"), &mut testbed, &places.logs) {
            Ok(testbed) => {
                tally.run(&format!("foreign/{script}"), node.script(&folder.join(script)).arg(&testbed.url));
            }
            Err(why) => tally.fail(script, &why),
        }
    }
    for (script, peer) in SERVERS {
        match Server::start(script, &mut node.script(&folder.join(script)), &places.logs) {
            Ok(server) => {
                tally.run(&format!("foreign {peer}"), places.example("foreign").args([*peer, &server.url]));
            }
            Err(why) => tally.fail(script, &why),
        }
    }
}
