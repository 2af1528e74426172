//! A child process and everything that it starts, which end together.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// How long a process may take to end after its standard input was closed, after SIGTERM, and after SIGKILL.
/// All of it takes less than 2 s.
const AFTER_EOF: Duration = Duration::from_millis(500);
const AFTER_TERMINATE: Duration = Duration::from_millis(1000);
const AFTER_KILL: Duration = Duration::from_millis(300);

/// How often it is checked whether the processes that a child has started have ended.
const CHECK: Duration = Duration::from_millis(20);

/// A child process that leads a process group. Dropping it kills the group.
pub(crate) struct Group {
    child: Child,
    id: GroupId,
    ended: bool,
}

impl Group {
    /// Starts a command as the leader of a new group.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        #[cfg(unix)]
        command.process_group(0);
        let child = command.kill_on_drop(true).spawn()?;
        let id = GroupId::of(&child);
        Ok(Self { child, id, ended: false })
    }

    /// Its standard input and output, if they are pipes and were not taken before.
    pub(crate) fn take_pipes(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        Some((self.child.stdin.take()?, self.child.stdout.take()?))
    }

    /// Waits for the end of the child. Processes that it has started may still run.
    ///
    /// Cancel safe.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Ends the group, whose standard input must be closed or about to be: waits for it, then sends SIGTERM,
    /// then SIGKILL.
    pub(crate) async fn end(mut self) {
        let (terminate, kill) = (GroupId::terminate, GroupId::kill);
        if !self.ends_within(AFTER_EOF).await {
            terminate(&self.id);
            if !self.ends_within(AFTER_TERMINATE).await {
                kill(&self.id);
                // The system may keep a process that waits for a device.
                self.ends_within(AFTER_KILL).await;
            }
        }
        self.ended = true;
    }

    async fn ends_within(&mut self, time: Duration) -> bool {
        let ends = async {
            // The child is gone if it cannot be waited for.
            let _ = self.child.wait().await;
            while self.id.lives() {
                sleep(CHECK).await;
            }
        };
        timeout(time, ends).await.is_ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.ended && self.id.lives() {
            self.id.kill();
        }
    }
}

/// A process group. Its id is not used again by the system while a process of the group lives.
#[cfg(unix)]
struct GroupId(Option<nix::unistd::Pid>);

#[cfg(unix)]
impl GroupId {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.map(nix::unistd::Pid::from_raw))
    }

    /// Whether a process of the group lives.
    fn lives(&self) -> bool {
        self.send(None)
    }

    fn terminate(&self) {
        self.send(Some(nix::sys::signal::Signal::SIGTERM));
    }

    fn kill(&self) {
        self.send(Some(nix::sys::signal::Signal::SIGKILL));
    }

    /// Whether there was a process for the signal, or for none of them.
    fn send(&self, signal: Option<nix::sys::signal::Signal>) -> bool {
        self.0.is_some_and(|id| nix::sys::signal::killpg(id, signal) != Err(nix::errno::Errno::ESRCH))
    }
}

/// Elsewhere only the child itself ends, when its handle is dropped.
#[cfg(not(unix))]
struct GroupId;

#[cfg(not(unix))]
impl GroupId {
    fn of(_: &Child) -> Self {
        Self
    }

    fn lives(&self) -> bool {
        false
    }

    fn terminate(&self) {}

    fn kill(&self) {}
}
