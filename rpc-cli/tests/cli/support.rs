//! Runs the command.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// Longer than any step takes on a busy machine, so that a hanging test fails.
pub(crate) const HANGS: Duration = Duration::from_secs(60);

/// How the command has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Exit code, standard output and standard error.
    pub(crate) fn parts(&self) -> (Option<i32>, &str, &str) {
        (self.code, &self.stdout, &self.stderr)
    }
}

/// The command while it runs. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<ChildStderr>>,
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_birpc"));
    command.args(arguments).kill_on_drop(true);
    command
}

/// Runs the command to its end.
pub(crate) async fn run(arguments: &[&str]) -> Ended {
    run_with(arguments, "").await
}

/// The same with a text on standard input.
pub(crate) async fn run_with(arguments: &[&str], input: &str) -> Ended {
    let mut running = Running::start(arguments);
    if let Some(mut stdin) = running.stdin.take() {
        // The command may end without reading.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    running.end().await
}

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::of(&mut command(arguments))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command is built");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let stderr = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        Self { child, stdin, stdout, stderr }
    }

    /// The next line of standard output.
    pub(crate) async fn line(&mut self) -> Option<String> {
        let line = timeout(HANGS, self.stdout.next_line()).await.expect("a line comes");
        line.expect("UTF-8")
    }

    /// The next line of standard error.
    pub(crate) async fn note(&mut self) -> Option<String> {
        let line = timeout(HANGS, self.stderr.next_line()).await.expect("a line comes");
        line.expect("UTF-8")
    }

    /// The address that `bridge` or `record` prints first.
    pub(crate) async fn url(&mut self) -> String {
        let line = self.note().await.expect("it says where it listens");
        line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    pub(crate) async fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("it is open");
        stdin.write_all(format!("{line}\n").as_bytes()).await.expect("the command reads");
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Stops reading the output, as a program that ends behind a pipe.
    pub(crate) fn close_stdout(self) -> WithoutOutput {
        let Self { child, stdin, stdout, stderr } = self;
        drop(stdout);
        WithoutOutput { child, _stdin: stdin, stderr }
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let id = self.child.id().expect("it runs");
        let id = nix::unistd::Pid::from_raw(i32::try_from(id).expect("a process id"));
        nix::sys::signal::kill(id, signal).expect("it runs");
    }

    /// Waits for the end, and reads nothing meanwhile.
    pub(crate) async fn end_unread(mut self) -> Option<i32> {
        let status = timeout(HANGS, self.child.wait()).await.expect("the command ends");
        status.expect("it is a child").code()
    }

    /// Waits for the end. What was read before is not in the result.
    pub(crate) async fn end(mut self) -> Ended {
        let (mut out, mut err) = (String::new(), String::new());
        let (mut stdout, mut stderr) = (self.stdout.into_inner(), self.stderr.into_inner());
        let all = async {
            let reading = tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err));
            reading.0.and(reading.1).expect("UTF-8");
            self.child.wait().await.expect("it is a child")
        };
        let status = timeout(HANGS, all).await.expect("the command ends");
        Ended { code: status.code(), stdout: out, stderr: err }
    }
}

pub(crate) struct WithoutOutput {
    child: Child,
    _stdin: Option<ChildStdin>,
    stderr: Lines<BufReader<ChildStderr>>,
}

impl WithoutOutput {
    pub(crate) async fn end(mut self) -> Ended {
        let mut err = String::new();
        let mut stderr = self.stderr.into_inner();
        let all = async {
            stderr.read_to_string(&mut err).await.expect("UTF-8");
            self.child.wait().await.expect("it is a child")
        };
        let status = timeout(HANGS, all).await.expect("the command ends");
        Ended { code: status.code(), stdout: String::new(), stderr: err }
    }
}

/// Whether a process runs, as Linux tells. A zombie that nobody waits for does not.
pub(crate) fn lives(id: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/stat"));
    status.is_ok_and(|status| !status.contains(") Z "))
}

/// A folder for one test, which is removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("birpc-cli-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for temporary files");
        Self(path)
    }

    /// A file in it, as an argument.
    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.file(name);
        std::fs::write(&path, contents).expect("it can be written");
        path
    }

    /// The names of the files in it, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("it is there");
        let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
