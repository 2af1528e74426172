//! The server: the `testbed` example in its own process, and what it holds.

use std::error::Error;
use std::process::Stdio;
use std::time::Duration;

use birpc::{CallError, Client};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::memory::Memory;

/// A running testbed. Dropping this kills it.
pub(crate) struct Testbed {
    child: Child,
    pub(crate) url: String,
    pub(crate) memory: Memory,
    /// A connection that is used only to ask what the testbed holds.
    probe: Client,
}

/// What a testbed holds, including the probe's connection and call.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Held {
    connections: usize,
    /// Calls that it is serving.
    serving: usize,
    /// Calls that it has made.
    in_flight: usize,
    tasks: usize,
}

impl Held {
    /// Less is fine too: the first measurement may have included the rest of a handshake.
    fn is_within(&self, before: &Self) -> bool {
        let pairs = [
            (self.connections, before.connections),
            (self.serving, before.serving),
            (self.in_flight, before.in_flight),
            (self.tasks, before.tasks),
        ];
        pairs.iter().all(|(now, before)| now <= before)
    }
}

impl Testbed {
    /// Starts the binary in the same folder as this one.
    pub(crate) async fn start(arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        let path = std::env::current_exe()?.with_file_name("testbed");
        let mut child = Command::new(path)
            .args(["--listen", "127.0.0.1:0", "--threads", "2"])
            .args(arguments)
            // glibc keeps freed memory in an arena for each thread, and returns less of it over time. With
            // one arena and a fixed threshold, the resident memory is what is in use.
            .env("MALLOC_ARENA_MAX", "1")
            .env("MALLOC_TRIM_THRESHOLD_", "131072")
            .env("RUST_BACKTRACE", "0") // its handlers panic thousands of times, on purpose
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("standard output was piped")?);
        let mut line = String::new();
        stdout.read_line(&mut line).await?;
        let url = line.trim_end().strip_prefix("listening on ").ok_or("the testbed does not listen")?;
        let memory = Memory::of(child.id().ok_or("the testbed has ended")?);
        Ok(Self { child, url: url.to_owned(), memory, probe: Client::connect(url).await? })
    }

    /// What it holds now.
    pub(crate) async fn held(&self) -> Result<Held, CallError> {
        self.probe.peer().call("stats", ()).await
    }

    /// The number of connections that have ended with this close code.
    pub(crate) async fn closed_with(&self, code: u16) -> Result<u64, CallError> {
        let stats: serde_json::Value = self.probe.peer().call("stats", ()).await?;
        Ok(stats["closed"][code.to_string()].as_u64().unwrap_or(0))
    }

    /// Waits until it holds no more than before, since the ends of connections may reach it a little later.
    pub(crate) async fn settled(&self, before: &Held, limit: Duration) -> Result<(), String> {
        let mut held = before.clone();
        let settles = async {
            loop {
                held = self.held().await.map_err(|error| error.to_string())?;
                if held.is_within(before) {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let settled = tokio::time::timeout(limit, settles).await;
        settled.unwrap_or_else(|_| Err(format!("{held:?} in place of {before:?}")))
    }

    /// Sends SIGKILL without waiting for the exit.
    pub(crate) fn kill(&mut self) -> std::io::Result<()> {
        self.child.start_kill()
    }

    /// Sends another signal, such as `STOP`, with the shell's own `kill`.
    pub(crate) async fn signal(&self, name: &str) -> Result<(), Box<dyn Error>> {
        let pid = self.child.id().ok_or("the testbed has ended")?;
        let kill = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().await?;
        if kill.success() { Ok(()) } else { Err(format!("no {name} to the testbed").into()) }
    }
}
