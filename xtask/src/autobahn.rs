//! `cargo xtask autobahn`: 517 third-party WebSocket cases in both roles, over birpc's own WebSocket and over
//! that of tokio-tungstenite.
//!
//! The Autobahn|Testsuite connects to the `ws_echo` example, and the `ws_cases` example connects to the
//! suite. The suite itself always succeeds; [`gate`] judges its reports. [`suite`] finds CPython 2.7, the
//! only Python on which the suite runs, and installs it.

mod gate;
mod suite;

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::places::{Places, Profile};
use crate::process::Process;
use crate::server::Server;
use crate::tally::Tally;
use gate::{Codes, Report};
use suite::{Suite, Tools};

/// The name of birpc in the reports.
const AGENT: &str = "birpc";

/// The time limit of the suite in one role; it takes 20 s if nothing hangs.
const SUITE_LIMIT: Duration = Duration::from_secs(600);

/// The time limit for the suite's server to accept connections.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The role of birpc in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Server,
    Client,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// The WebSocket that birpc uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Own,
    Tungstenite,
}

impl Over {
    /// The argument for the examples.
    fn argument(self) -> Option<&'static str> {
        match self {
            Self::Own => None,
            Self::Tungstenite => Some("--tungstenite"),
        }
    }

    /// The name of the results.
    fn name(self, role: Role) -> String {
        match self {
            Self::Own => role.name().into(),
            Self::Tungstenite => format!("tungstenite-{}", role.name()),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    strict: bool,
    roles: Vec<Role>,
}

/// Runs the suite if there is a CPython 2.7. Fails if a case fails.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let Options { strict, roles } = options(arguments)?;
    let mut tally = Tally::new("autobahn");
    match Tools::find() {
        Err(why) => tally.skip("Autobahn|Testsuite", &why),
        Ok(tools) => {
            let places = Places::find("autobahn", Profile::Release)?;
            let suite = tools.install(&places.scripts, &places.installed)?;
            places.build_examples(&["ws_echo", "ws_cases"], &[])?;
            let codes = gate::read_codes(&places.scripts.join("close-codes.json"))?;
            for over in [Over::Own, Over::Tungstenite] {
                for role in &roles {
                    check(over, *role, &suite, &places, &codes, &mut tally)?;
                }
            }
        }
    }
    println!("{tally}");
    Ok(tally.exit_code(strict))
}

fn options(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options { strict: false, roles: Vec::new() };
    for argument in arguments {
        match argument.as_str() {
            "--strict" => options.strict = true,
            "server" => options.roles.push(Role::Server),
            "client" => options.roles.push(Role::Client),
            other => {
                return Err(format!("unknown argument `{other}`; there are --strict, server and client"));
            }
        }
    }
    if options.roles.is_empty() {
        options.roles = vec![Role::Server, Role::Client];
    }
    Ok(options)
}

/// Runs all cases in one role, and judges the report section by section.
fn check(
    over: Over,
    role: Role,
    suite: &Suite,
    places: &Places,
    codes: &Codes,
    tally: &mut Tally,
) -> Result<(), String> {
    let name = over.name(role);
    println!("# birpc as the {name}: {} cases, about 20 s", codes.len());
    let reports = empty_folder(&places.installed.join("reports").join(&name))?;
    let outcome = match role {
        Role::Server => run_server(over, suite, places, &reports),
        Role::Client => run_client(over, suite, places, &reports),
    };
    // Without a report of this run there is nothing to judge.
    let report = outcome.and_then(|()| Report::read(&reports.join("index.json"), AGENT));
    match report {
        Ok(report) => {
            for section in report.judge(codes) {
                let section_of = format!("{name} {section}");
                match section.failures() {
                    None => tally.pass(&section_of),
                    Some(failures) => tally.fail(&section_of, &failures),
                }
            }
            println!("# every case with its frames: {}", reports.join("index.html").display());
        }
        Err(why) => tally.fail(&name, &why),
    }
    Ok(())
}

/// The suite connects to the echo server.
fn run_server(over: Over, suite: &Suite, places: &Places, reports: &Path) -> Result<(), String> {
    let mut echo = places.example("ws_echo");
    let server =
        Server::start("ws_echo", echo.args(["--listen", "127.0.0.1:0"]).args(over.argument()), &places.logs)?;
    let spec = spec(reports, &json!({ "servers": [{ "agent": AGENT, "url": server.url }] }))?;
    let log = places.logs.join("fuzzingclient.log");
    let mut fuzzer = Process::start("wstest", &mut suite.wstest("fuzzingclient", &spec, &log)?)?;
    suite::follow(&mut fuzzer, SUITE_LIMIT, &log)
}

/// The client connects to the suite, once for each case.
fn run_client(over: Over, suite: &Suite, places: &Places, reports: &Path) -> Result<(), String> {
    let port = free_port()?;
    let url = format!("ws://127.0.0.1:{port}");
    let spec = spec(reports, &json!({ "url": url }))?;
    let log = places.logs.join("fuzzingserver.log");
    let mut fuzzer = Process::start("wstest", &mut suite.wstest("fuzzingserver", &spec, &log)?)?;
    wait_for(port)?;

    let mut client = places.example("ws_cases");
    let status = Process::start("ws_cases", client.args([&url, AGENT]).args(over.argument()))?
        .follow(SUITE_LIMIT, |line| println!("# ws_cases: {line}"))?;
    if !status.success() {
        return Err(format!("ws_cases ended with {status}"));
    }
    // The client's last request ends the suite, once the reports are written.
    suite::follow(&mut fuzzer, SUITE_LIMIT, &log)
}

/// Writes the settings of wstest: all cases, and the role's own settings.
fn spec(reports: &Path, role: &Value) -> Result<PathBuf, String> {
    let mut spec = json!({
        "options": { "failByDrop": false },
        "outdir": reports,
        "cases": ["*"],
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    if let (Some(spec), Some(role)) = (spec.as_object_mut(), role.as_object()) {
        spec.extend(role.clone());
    }
    let file = reports.join("spec.json");
    fs::write(&file, spec.to_string()).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    Ok(file)
}

/// Creates a folder without reports of earlier runs, which must not be mistaken for this run's.
fn empty_folder(folder: &Path) -> Result<PathBuf, String> {
    let _ = fs::remove_dir_all(folder); // it may be missing; what stays fails when it is written
    fs::create_dir_all(folder).map_err(|e| format!("cannot make the folder {}: {e}", folder.display()))?;
    Ok(folder.to_owned())
}

/// A free port for the suite's server, which cannot choose one itself.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    Ok(listener.map_err(|e| format!("cannot find a free port: {e}"))?.port())
}

/// Waits until a port accepts connections.
fn wait_for(port: u16) -> Result<(), String> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(()),
            Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(50)),
            Err(error) => return Err(format!("the suite does not listen on port {port}: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_roles_run_unless_one_is_named() {
        let parse = |words: &[&str]| options(&words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(parse(&[]), Ok(Options { strict: false, roles: vec![Role::Server, Role::Client] }));
        assert_eq!(parse(&["--strict", "client"]), Ok(Options { strict: true, roles: vec![Role::Client] }));
        assert!(parse(&["--fast"]).is_err_and(|why| why.contains("--fast")));
    }
}
