//! Runs examples and halves of tests as processes.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The binary of an example; `cargo test` builds examples beside the tests.
pub fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("this test runs");
    let deps = test.parent().and_then(|deps| deps.parent()).expect("a test is in target/…/deps");
    let path: PathBuf = deps.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "example `{name}` is not built: `cargo test` of its package builds it");
    piped(Command::new(path))
}

/// The environment variable with the argument of a half of a test.
const HALF: &str = "BIRPC_HALF_OF_A_TEST";

/// The ignored test with this path in this binary, which is the other half of a test, in its own process.
pub fn half(test: &str, argument: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this test runs"));
    command.args(["--exact", test, "--ignored", "--nocapture"]).env(HALF, argument);
    piped(command)
}

/// The argument, if this process is a half of a test: `cargo test -- --ignored` runs such tests as well.
pub fn argument_of_half() -> Option<String> {
    std::env::var(HALF).ok()
}

/// Prints a line for [`Running::told`].
pub fn tell(line: &str) {
    println!("\n{TOLD}{line}"); // the test harness may be in the middle of a line
}

/// Distinguishes the lines of a half of a test from those of the test harness.
const TOLD: &str = "told: ";

fn piped(mut command: Command) -> Command {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    command
}

pub struct Running {
    pub child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines }
    }

    pub async fn line(&mut self) -> String {
        self.lines.next_line().await.expect("UTF-8").expect("it says something more")
    }

    /// The next line that the half of a test printed with [`tell`].
    pub async fn told(&mut self) -> String {
        loop {
            if let Some(line) = self.line().await.strip_prefix(TOLD) {
                return line.to_owned();
            }
        }
    }

    /// The URL in the first line.
    pub async fn url(&mut self) -> String {
        let line = self.line().await;
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}"));
        url.to_owned()
    }

    /// Types a line.
    pub async fn type_line(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        stdin.write_all(format!("{line}\n").as_bytes()).await.expect("it reads");
        stdin.flush().await.expect("it reads");
    }

    /// Sends a signal, such as `STOP`, and returns when the system has delivered it.
    pub async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("it runs");
        // The shell's own `kill`, which exists wherever there is a shell.
        let kill = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().await;
        assert!(kill.expect("a shell").success(), "{name} to {pid}");
    }

    /// The remaining lines, and whether the process succeeded.
    pub async fn rest(mut self) -> (Vec<String>, bool) {
        drop(self.child.stdin.take());
        let mut rest = Vec::new();
        while let Some(line) = self.lines.next_line().await.expect("UTF-8") {
            rest.push(line);
        }
        (rest, self.child.wait().await.expect("it ran").success())
    }
}
