//! `cargo xtask interop`: birpc against JSON-RPC libraries that no one here wrote, over real sockets.
//!
//! The scripts in `xtask/interop/` drive the `testbed` example with `json-rpc-2.0` (npm) and `jsonrpc-websocket`
//! (PyPI), and the `interop_client` example drives a `json-rpc-2.0` server. Every script prints `ok - NAME` or
//! `not ok - NAME: WHY` per check; this command starts what they need, passes their lines on and adds them up.
//!
//! [`tools`] finds and installs what the scripts run on, [`process`] owns the child processes, and [`tally`] counts.

mod process;
mod tally;
mod tools;

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use process::{Line, Process};
use tally::Tally;
use tools::{Node, Python};

/// Scripts that take the testbed's URLs, in the order in which they run.
const NODE_SCRIPTS: &[&str] = &["calls.mjs", "wire.mjs", "nested.mjs"];

/// How long a server may take to print the line that names its URL.
const START_LIMIT: Duration = Duration::from_secs(20);

/// Runs every check for which the tools are there, and fails if one of them does.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let strict = match arguments {
        [] => false,
        [flag] if flag == "--strict" => true,
        _ => {
            return Err(format!("unknown arguments {arguments:?}: `--strict` is the only one"));
        }
    };
    let places = Places::find()?;
    build_examples(&places)?;
    let testbeds = Testbeds::start(&places)?;

    let mut tally = Tally::default();
    check_with_node(&places, &testbeds, &mut tally);
    check_with_python(&places, &testbeds, &mut tally);
    println!("{tally}");
    if tally.failed() > 0 {
        println!("interop: what the servers wrote on standard error is in {}", places.logs.display());
    }
    Ok(tally.exit_code(strict))
}

/// The folders that the command reads from and writes to.
struct Places {
    /// The workspace's root.
    root: PathBuf,
    /// `xtask/interop`: the scripts, and the pins of what they need.
    scripts: PathBuf,
    /// Where cargo puts the examples of a debug build.
    examples: PathBuf,
    /// `target/interop`: what is installed, which git ignores.
    installed: PathBuf,
    /// `target/interop/logs`.
    logs: PathBuf,
}

impl Places {
    fn find() -> Result<Self, String> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root =
            here.parent().ok_or("xtask has no parent folder: run it from the workspace it belongs to")?;
        // This program is TARGET/PROFILE/xtask, wherever cargo was told to have its target folder.
        let program = env::current_exe().map_err(|e| format!("cannot tell where this program is: {e}"))?;
        let target = program.ancestors().nth(2).ok_or_else(|| {
            format!("{} is in no target folder: run it with cargo xtask", program.display())
        })?;
        let installed = target.join("interop");
        let logs = installed.join("logs");
        fs::create_dir_all(&logs).map_err(|e| format!("cannot make the folder {}: {e}", logs.display()))?;
        Ok(Self {
            root: root.to_owned(),
            scripts: here.join("interop"),
            examples: target.join("debug/examples"),
            installed,
            logs,
        })
    }

    fn example(&self, name: &str) -> PathBuf {
        self.examples.join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }
}

fn build_examples(places: &Places) -> Result<(), String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package",
            "birpc",
            "--example",
            "testbed",
            "--example",
            "interop_client",
        ])
        .current_dir(&places.root)
        .status()
        .map_err(|e| format!("cannot run cargo: {e}"))?;
    if !status.success() {
        return Err("the examples testbed and interop_client do not build; cargo says why above".to_owned());
    }
    Ok(())
}

/// The testbeds that every script is given, each with limits of its own. They end when this is dropped.
struct Testbeds {
    default: Server,
    /// Two calls in flight at most: nested calls must not need more.
    limit2: Server,
    /// Room for tens of thousands of nested calls.
    raised: Server,
}

impl Testbeds {
    fn start(places: &Places) -> Result<Self, String> {
        let start = |name: &str, limits: &[&str]| {
            let mut command = Command::new(places.example("testbed"));
            command.args(["--listen", "127.0.0.1:0"]).args(limits);
            Server::start(name, &mut command, places)
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

/// A server that has said where it listens. It is killed when this is dropped.
struct Server {
    url: String,
    _process: Process,
}

impl Server {
    fn start(name: &str, command: &mut Command, places: &Places) -> Result<Self, String> {
        let log = places.logs.join(format!("{name}.log"));
        let file = File::create(&log).map_err(|e| format!("cannot write {}: {e}", log.display()))?;
        let mut process = Process::start(name, command.stderr(file))?;
        let first = match process.line(Instant::now() + START_LIMIT) {
            Line::Text(line) => line,
            Line::End => {
                return Err(format!("{name} ended before it listened; {} may say why", log.display()));
            }
            Line::Late => {
                return Err(format!("{name} printed nothing for {} s", START_LIMIT.as_secs()));
            }
        };
        let url = first.strip_prefix("listening on ").ok_or_else(|| {
            format!("the first line of {name} should be `listening on URL`, but is `{first}`")
        })?;
        Ok(Self { url: url.to_owned(), _process: process })
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

    // The other way round: their server, our client.
    match Server::start("server.mjs", &mut node.script(&folder.join("server.mjs")), places) {
        Ok(server) => {
            let client = places.example("interop_client");
            tally.run("interop_client", Command::new(client).arg(&server.url));
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
    let venv = match python.install(&scripts, &places.installed.join("python")) {
        Ok(venv) => venv,
        Err(why) => return tally.fail("jsonrpc-websocket (python)", &why),
    };
    let script = "test_jsonrpc_websocket.py";
    let mut command = Command::new(venv);
    // Its lines are UTF-8, whatever the locale says.
    command.arg(scripts.join(script)).env("PYTHONUTF8", "1");
    tally.run(script, testbeds.give_to(&mut command));
}
