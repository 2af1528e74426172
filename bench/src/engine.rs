//! A nats-server, which connects nodes.

use std::{
    fs,
    path::Path,
    process::{ChildStdout, Command},
    thread,
    time::{Duration, Instant},
};

use crate::process::Process;

/// How often, and for how long at most, its log is searched for its address.
const STEP: Duration = Duration::from_millis(10);
const LIMIT: Duration = Duration::from_secs(20);

/// The name of its log.
const NAME: &str = "nats-server";

/// A running nats-server. It is killed when this is dropped.
pub(crate) struct Engine {
    process: Process,
    url: String,
    /// Kept open: a process that prints into a closed pipe may end.
    _stdout: ChildStdout,
}

impl Engine {
    /// Starts it with a port from the system.
    pub(crate) fn start(program: &Path, logs: &Path) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.args(["--addr", "127.0.0.1", "--port", "-1"]);
        let (process, stdout) = Process::start(NAME, &mut command, logs)?;
        let log = logs.join(format!("{NAME}.log"));
        let end = Instant::now() + LIMIT;
        loop {
            let text = fs::read_to_string(&log).map_err(|e| format!("cannot read {}: {e}", log.display()))?;
            if let Some(address) = address_in(&text) {
                return Ok(Self { process, url: format!("nats://{address}"), _stdout: stdout });
            }
            if Instant::now() >= end {
                return Err(format!("{NAME} has not listened within {} s", LIMIT.as_secs()));
            }
            thread::sleep(STEP); // a file tells of no moment at which it grows
        }
    }

    /// Where its clients connect.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The CPU time of all its threads, in user and kernel mode.
    pub(crate) fn cpu(&self) -> Result<Duration, String> {
        self.process.cpu()
    }
}

/// The address in the log's line about clients, once the line is whole.
fn address_in(log: &str) -> Option<&str> {
    let (_, rest) = log.split_once("Listening for client connections on ")?;
    rest.split_once('\n').map(|(address, _)| address.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_names_the_address() {
        let log = "[7] [INF] Starting\n[7] [INF] Listening for client connections on 127.0.0.1:4222\n";
        assert_eq!(address_in(log), Some("127.0.0.1:4222"));
        assert_eq!(address_in(log.trim_end()), None, "the line may be incomplete");
    }
}
