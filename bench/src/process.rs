//! Child processes: each has a log, none outlives its owner, and no wait is endless.

use std::{
    fs::File,
    io,
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

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

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
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
}
