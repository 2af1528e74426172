//! Child processes: each has a log, none outlives its owner, and no wait is endless.

use std::{
    fs::{self, File},
    io,
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use birpc_bench::cpu;

use crate::machine;

/// The time limit for everything: valgrind starts in seconds, and a pair runs for as many.
const LIMIT: Duration = Duration::from_secs(60);

/// How often the end of a process is checked.
const STEP: Duration = Duration::from_millis(10);

/// A running process. Dropping it kills it.
pub(crate) struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts `command`, whose standard error goes to a file in `logs`.
    pub(crate) fn start(
        name: &str,
        command: &mut Command,
        logs: &Path,
    ) -> Result<(Self, ChildStdout), String> {
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).map_err(|e| format!("cannot write {}: {e}", log.display()))?;
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file).spawn();
        let mut child = started
            .map_err(|e| format!("cannot start {name} ({}): {e}", command.get_program().to_string_lossy()))?;
        let stdout = child.stdout.take().expect("standard output was piped above");
        Ok((Self { name: name.to_owned(), child }, stdout))
    }

    /// The CPU time of all its threads, in user and kernel mode.
    pub(crate) fn cpu(&self) -> Result<Duration, String> {
        // One clock for a whole run: this thread has its time in nanoseconds if the kernel counts them.
        if cpu::of_this_thread().is_none() {
            return self.coarse_cpu();
        }
        cpu::of_process(self.child.id()).ok_or_else(|| format!("{} has no CPU time", self.name))
    }

    /// The same in ticks, if the kernel does not count nanoseconds.
    fn coarse_cpu(&self) -> Result<Duration, String> {
        let text = self.kernel_says("stat")?;
        let ticks = ticks_in(&text).ok_or_else(|| format!("`{text}` is no stat"))?;
        Ok(Duration::from_secs_f64(ticks as f64 / machine::ticks_per_second() as f64))
    }

    /// A file about it in /proc.
    pub(crate) fn kernel_says(&self, file: &str) -> Result<String, String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).map_err(|e| format!("cannot read {path}: {e}"))
    }

    /// Asks the process to end and waits for that: valgrind then writes its counts.
    pub(crate) fn terminate(mut self) -> Result<(), String> {
        machine::terminate(&self.child).map_err(|e| format!("cannot send SIGTERM to {}: {e}", self.name))?;
        self.wait().map(drop)
    }

    fn wait(&mut self) -> Result<ExitStatus, String> {
        let end = Instant::now() + LIMIT;
        loop {
            let ended = self.child.try_wait();
            match ended.map_err(|e| format!("cannot tell whether {} has ended: {e}", self.name))? {
                Some(status) => return Ok(status),
                None if Instant::now() >= end => {
                    return Err(format!("{} has not ended within {} s", self.name, LIMIT.as_secs()));
                }
                None => thread::sleep(STEP), // std has no wait with a limit
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time in /proc/PID/stat, whose second field is a name that may contain spaces and
/// parentheses.
fn ticks_in(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut field = || fields.next()?.parse::<u64>().ok();
    Some(field()? + field()?)
}

/// The output of a program. A failure is an error.
pub(crate) fn output(name: &str, command: &mut Command, logs: &Path) -> Result<String, String> {
    let (mut process, stdout) = Process::start(name, command, logs)?;
    let printed = within_limit(name, || io::read_to_string(stdout))?;
    let status = process.wait()?;
    if status.success() { Ok(printed) } else { Err(format!("{name} ended with {status}")) }
}

/// What `read` reads from a process, with a time limit.
pub(crate) fn within_limit<T: Send + 'static>(
    name: &str,
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, String> {
    let (sender, receiver) = mpsc::channel();
    // After the time limit, the receiver is gone. The thread ends with the process.
    thread::spawn(move || drop(sender.send(read())));
    let read = receiver
        .recv_timeout(LIMIT)
        .map_err(|_| format!("{name} has not said what it should within {} s", LIMIT.as_secs()))?;
    read.map_err(|e| format!("cannot read what {name} prints: {e}"))
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    #[test]
    fn a_program_that_fails_is_an_error_and_one_that_does_not_is_what_it_printed() {
        let run = |script| output("sh", Command::new("sh").args(["-c", script]), &env::temp_dir());
        assert_eq!(run("echo said"), Ok("said\n".into()));
        assert_eq!(run("echo said; exit 3"), Err("sh ended with exit status: 3".into()));
    }

    #[test]
    fn ticks_are_read_from_the_right_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 120 0 0 0 31 11 0 0 20 0 2 0 100 1000 50";
        assert_eq!(ticks_in(stat), Some(42));
        assert_eq!(ticks_in("7 (a) S 1"), None);
    }
}
