//! The CPU time of processes, in nanoseconds.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// The CPU time of all threads of a process, in user and kernel mode. `None` if the kernel does not count
/// nanoseconds, or there is no such process.
#[must_use]
pub fn of_process(id: u32) -> Option<Duration> {
    of_this_thread()?;
    let tasks = fs::read_dir(format!("/proc/{id}/task")).ok()?;
    // A thread that has ended in the meantime has none.
    Some(tasks.flatten().filter_map(|task| ran(&task.path().join("schedstat"))).sum())
}

/// The CPU time of this thread; `None` if the kernel does not count nanoseconds.
#[must_use]
pub fn of_this_thread() -> Option<Duration> {
    ran(Path::new("/proc/thread-self/schedstat"))
}

/// The CPU time of a thread is the first number of its schedstat.
fn ran(schedstat: &Path) -> Option<Duration> {
    let text = fs::read_to_string(schedstat).ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}
