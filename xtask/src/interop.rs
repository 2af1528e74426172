//! `cargo xtask interop`: tests birpc with third-party JSON-RPC libraries and a browser, over real sockets.
//!
//! The scripts in `xtask/interop/` drive the `testbed` example with `json-rpc-2.0` (npm) and
//! `jsonrpc-websocket` (PyPI), and the `interop_client` example drives a `json-rpc-2.0` server. A headless
//! Chromium opens the page of the `pages` example, whose server and page call each other. Each script
//! prints `ok - NAME` or `not ok - NAME: WHY` for each check. This command starts what the scripts need,
//! forwards their lines and counts the results.
//!
//! [`foreign`] does the same with libraries that implement a protocol on top of JSON-RPC, in both directions
//! if the library has both sides. [`proxies`] puts proxies in front of the testbed. [`command`] runs the
//! command `birpc` with foreign servers.
//!
//! [`crate::tools`] finds and installs the tools that the scripts need, and [`Tally`] counts.

mod command;
mod foreign;
mod proxies;

use std::process::{Command, ExitCode};

use crate::checks;
use crate::places::Places;
use crate::server::Server;
use crate::tally::Tally;
use crate::tools::{Chromium, Node, Python};

/// The scripts that get the testbed's URLs, in the order in which they run.
const NODE_SCRIPTS: &[&str] = &["calls.mjs", "wire.mjs", "nested.mjs", "streams.mjs", "streams_served.mjs"];

/// The scripts that get the URL of the `pages` example.
const BROWSER_SCRIPTS: &[&str] = &["calls.mjs", "handshake.mjs", "closing.mjs"];

/// The packages for the Python script.
const PYTHON_PINS: &[&str] = &["build-requirements.txt", "requirements.txt"];

/// Runs all checks whose tools are installed. Fails if a check fails.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    checks::run("interop", arguments, check)
}

fn check(places: &Places, tally: &mut Tally) -> Result<(), String> {
    // Built together, with the feature that `pages` needs, so that birpc is compiled once.
    let examples = ["testbed", "interop_client", "foreign", "behind_proxy", "pages"];
    places.build_examples(&examples, &["axum", "tls", "jsonrpsee"])?;
    let testbeds = Testbeds::start(places)?;

    check_with_node(places, &testbeds, tally);
    check_with_python(places, &testbeds, tally);
    foreign::check(places, tally);
    command::check(places, tally);
    proxies::check(places, tally);
    check_with_browser(places, tally);
    Ok(())
}

/// The testbeds for the scripts, each with its own limits. They stop when this is dropped.
struct Testbeds {
    default: Server,
    /// At most two calls in flight: nested calls must not need more.
    limit2: Server,
    /// Allows tens of thousands of nested calls.
    raised: Server,
}

impl Testbeds {
    fn start(places: &Places) -> Result<Self, String> {
        let start = |name: &str, limits: &[&str]| {
            let mut command = places.example("testbed");
            command.args(["--listen", "127.0.0.1:0"]).args(limits);
            Server::start(name, &mut command, &places.logs)
        };
        Ok(Self {
            default: start("testbed", &[])?,
            limit2: start("testbed-limit2", &["--max-in-flight", "2"])?,
            raised: start("testbed-raised", &["--max-in-flight", "20000"])?,
        })
    }

    fn give_to<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("URL", &self.default.url)
            .env("URL_LIMIT2", &self.limit2.url)
            .env("URL_RAISED", &self.raised.url)
    }
}

fn check_with_node(places: &Places, testbeds: &Testbeds, tally: &mut Tally) {
    let node = match Node::find() {
        Ok(node) => node,
        Err(why) => return tally.skip("json-rpc-2.0 (node)", &why),
    };
    let folder = match node.install(&places.scripts.join("node"), &places.installed.join("node")) {
        Ok(folder) => folder,
        Err(why) => return tally.fail("json-rpc-2.0 (node)", &why),
    };
    for script in NODE_SCRIPTS {
        tally.run(script, testbeds.give_to(&mut node.script(&folder.join(script))));
    }

    // The other direction: their server and our client.
    match Server::start("server.mjs", &mut node.script(&folder.join("server.mjs")), &places.logs) {
        Ok(server) => {
            tally.run("interop_client", places.example("interop_client").arg(&server.url));
        }
        Err(why) => tally.fail("interop_client", &why),
    }
}

fn check_with_python(places: &Places, testbeds: &Testbeds, tally: &mut Tally) {
    let python = match Python::find() {
        Ok(python) => python,
        Err(why) => return tally.skip("jsonrpc-websocket (python)", &why),
    };
    let scripts = places.scripts.join("python");
    let venv = match python.install(&scripts, PYTHON_PINS, &places.installed.join("python")) {
        Ok(venv) => venv,
        Err(why) => return tally.fail("jsonrpc-websocket (python)", &why),
    };
    let script = "test_jsonrpc_websocket.py";
    let mut command = Command::new(venv);
    // The lines are UTF-8, whatever the locale.
    command.arg(scripts.join(script)).env("PYTHONUTF8", "1");
    tally.run(script, testbeds.give_to(&mut command));
}

fn check_with_browser(places: &Places, tally: &mut Tally) {
    const NAME: &str = "Chromium (playwright-core)";
    let tools = Chromium::find().and_then(|chromium| Ok((chromium, Node::find()?)));
    let (chromium, node) = match tools {
        Ok(tools) => tools,
        Err(why) => return tally.skip(NAME, &why),
    };
    // The scripts import node's harness from the folder beside theirs.
    let install = |folder| node.install(&places.scripts.join(folder), &places.installed.join(folder));
    let folder = match install("node").and_then(|_| install("browser")) {
        Ok(folder) => folder,
        Err(why) => return tally.fail(NAME, &why),
    };
    let mut site = places.example("pages");
    match Server::start("pages", site.args(["--listen", "127.0.0.1:0"]), &places.logs) {
        Ok(site) => {
            for script in BROWSER_SCRIPTS {
                let mut command = node.script(&folder.join(script));
                let command = command.env("URL", &site.url).env("CHROMIUM", &chromium.program);
                tally.run(&format!("browser/{script}"), command);
            }
        }
        Err(why) => tally.fail(NAME, &why),
    }
}
