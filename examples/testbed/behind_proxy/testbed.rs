//! The testbed in its own process.

use std::error::Error;
use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::checks::SOON;

/// The host name that browsers use for the proxy.
pub(crate) const NAME: &str = "app.example";
/// The path of the testbed's health check.
pub(crate) const HEALTH: &str = "/healthz";

/// A running testbed. Dropping this kills it.
pub(crate) struct Testbed {
    pub(crate) address: SocketAddr,
    process: Child,
    /// Kept open: the testbed's last output would fail without a reader.
    _lines: Lines<BufReader<ChildStdout>>,
}

impl Testbed {
    /// Starts a testbed at `address`, or at an address that the system chooses.
    pub(crate) async fn start(address: Option<SocketAddr>) -> Result<Self, Box<dyn Error>> {
        let program = std::env::current_exe()?.with_file_name("testbed");
        let listen = address.map_or_else(|| "127.0.0.1:0".into(), |address| address.to_string());
        let mut command = Command::new(program);
        command.args(["--listen", &listen, "--health", HEALTH]);
        command.args(["--hosts", &format!("127.0.0.1,localhost,{NAME}")]);
        let mut process = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = process.stdout.take().ok_or("standard output was piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(SOON, lines.next_line()).await??.ok_or("the testbed has ended")?;
        let address = line.strip_prefix("listening on ws://").and_then(|rest| rest.strip_suffix('/'));
        Ok(Self { address: address.ok_or(line.clone())?.parse()?, process, _lines: lines })
    }

    /// Makes it finish open calls and exit.
    pub(crate) async fn terminate(&self) -> Result<(), Box<dyn Error>> {
        signal(&self.process, "TERM").await
    }

    /// Waits until it has exited, and starts another one at the same address.
    pub(crate) async fn replace(&mut self) -> Result<(), Box<dyn Error>> {
        tokio::time::timeout(SOON, self.process.wait()).await??;
        *self = Self::start(Some(self.address)).await?;
        Ok(())
    }
}

/// Sends a signal by its name.
pub(crate) async fn signal(process: &Child, name: &str) -> Result<(), Box<dyn Error>> {
    let id = process.id().ok_or("the process has ended")?;
    // The shell's own `kill`, which exists wherever there is a shell.
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().await?;
    if sent.success() { Ok(()) } else { Err(format!("kill -{name} {id} fails").into()) }
}
