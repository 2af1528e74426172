//! A server under load: a process that prints its URL, and what the kernel reports about it.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{ChildStdout, Command},
    thread,
    time::{Duration, Instant},
};

use crate::process::{Process, within_limit};

/// How often, and for how long at most, a server is checked for being idle.
const REST_STEP: Duration = Duration::from_millis(20);
const REST_LIMIT: Duration = Duration::from_secs(10);

/// A running server. It is killed when this is dropped.
pub(crate) struct Server {
    /// Whose it is.
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    process: Process,
    /// Kept open: a process that prints into a closed pipe may end.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts `command`, whose first line should be `listening on ws://ADDRESS/`.
    pub(crate) fn start(name: &'static str, command: &mut Command, logs: &Path) -> Result<Self, String> {
        let (process, stdout) = Process::start(name, command, logs)?;
        let mut stdout = BufReader::new(stdout);
        let (line, stdout) = within_limit(name, move || {
            let mut line = String::new();
            stdout.read_line(&mut line)?;
            Ok((line, stdout))
        })?;
        Ok(Self { name, address: address_in(&line)?, process, _stdout: stdout })
    }

    /// The CPU time of all its threads, in user and kernel mode.
    pub(crate) fn cpu(&self) -> Result<Duration, String> {
        self.process.cpu()
    }

    /// The CPU time since `cpu` returned `before`; none if threads that ended had run for longer.
    pub(crate) fn cpu_since(&self, before: Duration) -> Result<Duration, String> {
        Ok(self.cpu()?.saturating_sub(before))
    }

    /// Its resident memory, in bytes.
    pub(crate) fn memory(&self) -> Result<u64, String> {
        resident_in(&self.process.kernel_says("status")?).ok_or_else(|| "its status has no VmRSS".into())
    }

    /// Waits until it has finished the work of the last load.
    pub(crate) fn settle(&self) -> Result<(), String> {
        let end = Instant::now() + REST_LIMIT;
        let mut before = self.cpu()?;
        while Instant::now() < end {
            thread::sleep(REST_STEP); // the kernel tells of no moment at which a process has become idle
            if self.cpu_since(before)? < REST_STEP / 100 {
                return Ok(());
            }
            before = self.cpu()?;
        }
        Ok(())
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn terminate(self) -> Result<(), String> {
        self.process.terminate()
    }
}

fn address_in(line: &str) -> Result<SocketAddr, String> {
    let address = line.trim_end().strip_prefix("listening on ws://").map(|rest| rest.trim_end_matches('/'));
    address.and_then(|address| address.parse().ok()).ok_or_else(|| {
        format!("its first line should be `listening on ws://ADDRESS/`, but is `{}`", line.trim_end())
    })
}

fn resident_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_address() {
        assert_eq!(address_in("listening on ws://127.0.0.1:9944/\n"), Ok(([127, 0, 0, 1], 9944).into()));
        assert_eq!(address_in("listening on ws://[::1]:1"), Ok(([0, 0, 0, 0, 0, 0, 0, 1], 1).into()));
        assert!(address_in("").is_err());
        assert!(address_in("listening on ws://localhost:9944/").is_err());
    }

    #[test]
    fn resident_memory_is_read_from_the_right_line() {
        assert_eq!(resident_in("VmPeak:\t 9 kB\nVmRSS:\t    2048 kB\nRssAnon: 1 kB\n"), Some(2 << 20));
        assert_eq!(resident_in("VmPeak:\t 9 kB\n"), None);
    }
}
