//! A server under load: a process that prints its URL, and what the kernel reports about it.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ChildStdout, Command},
    thread,
    time::{Duration, Instant},
};

use crate::{
    machine,
    process::{Process, within_limit},
};

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
        // One clock for a whole run: this thread has a schedstat if the kernel counts nanoseconds.
        if own_cpu().is_none() {
            return self.coarse_cpu();
        }
        let folder = self.proc("task");
        let tasks = fs::read_dir(&folder).map_err(|e| format!("cannot read {}: {e}", folder.display()))?;
        // A thread that has ended in the meantime has none.
        Ok(tasks.flatten().filter_map(|task| ran(&task.path().join("schedstat"))).sum())
    }

    /// The CPU time since `cpu` returned `before`; none if threads that ended had run for longer.
    pub(crate) fn cpu_since(&self, before: Duration) -> Result<Duration, String> {
        Ok(self.cpu()?.saturating_sub(before))
    }

    /// The same in ticks, if the kernel does not count nanoseconds.
    fn coarse_cpu(&self) -> Result<Duration, String> {
        let text = read(&self.proc("stat"))?;
        let ticks = ticks_in(&text).ok_or_else(|| format!("`{text}` is no stat"))?;
        Ok(Duration::from_secs_f64(ticks as f64 / machine::ticks_per_second() as f64))
    }

    /// Its resident memory, in bytes.
    pub(crate) fn memory(&self) -> Result<u64, String> {
        let text = read(&self.proc("status"))?;
        resident_in(&text).ok_or_else(|| "its status has no VmRSS".into())
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

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.process.id()))
    }
}

/// The CPU time of this thread; `None` if the kernel does not count nanoseconds.
pub(crate) fn own_cpu() -> Option<Duration> {
    ran(Path::new("/proc/thread-self/schedstat"))
}

/// The CPU time of a thread in nanoseconds is the first number of its schedstat.
fn ran(schedstat: &Path) -> Option<Duration> {
    let text = fs::read_to_string(schedstat).ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

fn address_in(line: &str) -> Result<SocketAddr, String> {
    let address = line.trim_end().strip_prefix("listening on ws://").map(|rest| rest.trim_end_matches('/'));
    address.and_then(|address| address.parse().ok()).ok_or_else(|| {
        format!("its first line should be `listening on ws://ADDRESS/`, but is `{}`", line.trim_end())
    })
}

/// User and system time in /proc/PID/stat, whose second field is a name that may contain spaces and
/// parentheses.
fn ticks_in(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut field = || fields.next()?.parse::<u64>().ok();
    Some(field()? + field()?)
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
    fn what_the_kernel_says_is_read_from_the_right_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 120 0 0 0 31 11 0 0 20 0 2 0 100 1000 50";
        assert_eq!(ticks_in(stat), Some(42));
        assert_eq!(ticks_in("7 (a) S 1"), None);
        assert_eq!(resident_in("VmPeak:\t 9 kB\nVmRSS:\t    2048 kB\nRssAnon: 1 kB\n"), Some(2 << 20));
        assert_eq!(resident_in("VmPeak:\t 9 kB\n"), None);
    }
}
