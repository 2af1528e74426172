//! Child processes whose output is read line by line, with a time limit, and that never outlive their owner.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

/// A running child process. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    // Unbounded, since a child whose output is not read would block. Ours print a few thousand lines at most.
    lines: Receiver<String>,
}

/// The result of waiting for a line.
pub(crate) enum Line {
    /// A line, without the line break.
    Text(String),
    /// Standard output was closed: the process has ended or is about to.
    End,
    /// The deadline has passed.
    Late,
}

impl Process {
    /// Starts `command`. Its standard output is read here, and its standard input is empty.
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Self, String> {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|e| {
                format!("cannot start {name} ({}): {e}", command.get_program().to_string_lossy())
            })?;
        let stdout = child.stdout.take().expect("standard output was piped two lines above");
        let (sender, lines) = channel();
        thread::spawn(move || forward(stdout, &sender));
        Ok(Self { child, lines })
    }

    /// The next line that the process prints before `deadline`.
    pub(crate) fn line(&mut self, deadline: Instant) -> Line {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => Line::Text(line),
            Err(RecvTimeoutError::Disconnected) => Line::End,
            Err(RecvTimeoutError::Timeout) => Line::Late,
        }
    }

    /// Passes each line to `take` until the process has ended, and returns its exit status. Exceeding the
    /// limit is an error; dropping this kills the process then.
    pub(crate) fn follow(
        &mut self,
        limit: Duration,
        mut take: impl FnMut(&str),
    ) -> Result<ExitStatus, String> {
        let deadline = Instant::now() + limit;
        let late = || format!("it took more than {} s in all and was killed", limit.as_secs());
        loop {
            match self.line(deadline) {
                Line::Text(line) => take(&line),
                Line::End => break,
                Line::Late => return Err(late()),
            }
        }
        self.wait(deadline)?.ok_or_else(late)
    }

    /// Kills the process and those that it started. It must have been started in a process group of its own.
    pub(crate) fn kill_group(&mut self) {
        if cfg!(unix) {
            let group = format!("-{}", self.child.id());
            // Fails if the group has ended already.
            let _ = Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status();
        }
    }

    /// The exit status, or `None` if the process is still running at `deadline`.
    fn wait(&mut self, deadline: Instant) -> Result<Option<ExitStatus>, String> {
        loop {
            let status =
                self.child.try_wait().map_err(|e| format!("cannot tell whether it has ended: {e}"))?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            // std has no wait with a time limit. This loop begins after the end of the output, so it is
            // short.
            thread::sleep(Duration::from_millis(10));
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

/// Reads to the end even if the lines are no longer received, so that the child never blocks on a full pipe.
fn forward(stdout: ChildStdout, lines: &Sender<String>) {
    let mut reader = BufReader::new(stdout);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        let _ = lines.send(line);
        bytes.clear();
    }
}
