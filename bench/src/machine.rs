//! This machine: the cores for a server and its load, and the limit of open files.
//!
//! Only on Linux are processes pinned; elsewhere nothing can be measured either, see [`crate::server`].

use std::{
    env, fs, io,
    process::{Child, Command},
};

/// A core for the server and one for its load, if there are two.
#[derive(Clone)]
pub(crate) struct Cores {
    all: Vec<usize>,
}

impl Cores {
    /// The cores that this process may run on.
    pub(crate) fn find() -> Result<Self, String> {
        let all = system::cores().map_err(|e| format!("cannot tell which cores there are: {e}"))?;
        Ok(Self { all })
    }

    /// Whether server and load have a core each.
    pub(crate) fn pinned(&self) -> bool {
        self.all.len() > 1
    }

    /// Runs `start` on the server's core, where processes that it starts stay. Then this process continues on
    /// the load's core.
    pub(crate) fn beside<T>(&self, start: impl FnOnce() -> T) -> Result<T, String> {
        let [server, load, ..] = self.all[..] else { return Ok(start()) };
        self.pin(&[server])?;
        let started = start();
        self.pin(&[load])?;
        Ok(started)
    }

    /// Lets this process run on the load's core, as after [`Cores::beside`].
    pub(crate) fn apart(&self) -> Result<(), String> {
        self.all.get(1).map_or(Ok(()), |load| self.pin(&[*load]))
    }

    /// Lets this process run on the server's core too: a chain of processes then has no core that is idle and
    /// must be woken.
    pub(crate) fn together(&self) -> Result<(), String> {
        self.all.first().map_or(Ok(()), |server| self.pin(&[*server]))
    }

    /// Lets this process, and those it starts, run on all cores again.
    pub(crate) fn release(&self) -> Result<(), String> {
        self.pin(&self.all)
    }

    fn pin(&self, cores: &[usize]) -> Result<(), String> {
        system::pin(cores).map_err(|e| format!("cannot run on the cores {cores:?}: {e}"))
    }
}

/// Raises the soft limit of open files to the hard one, for this process and those it starts; returns it.
pub(crate) fn raise_file_limit() -> Result<u64, String> {
    system::raise_file_limit().map_err(|e| format!("cannot raise the limit of open files: {e}"))
}

/// Asks a process to end.
pub(crate) fn terminate(process: &Child) -> io::Result<()> {
    system::terminate(process)
}

/// The number of ticks per second in the kernel's coarse accounting.
pub(crate) fn ticks_per_second() -> u64 {
    system::ticks_per_second()
}

/// A description of the machine, for readers of its figures.
pub(crate) fn described(cores: &Cores) -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("a processor that does not say its name", |(_, model)| model);
    let placed = if cores.pinned() {
        "server and load generator pinned to a core each"
    } else {
        "with one core for server and load generator"
    };
    format!("On {} cores of {model}, {placed}.", cores.all.len())
}

/// The compiler that built everything, with its target.
pub(crate) fn compiler() -> String {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let version =
        rustc.arg("--version").output().ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let version = version.map_or("an unknown compiler".into(), |version| version.trim().to_owned());
    format!("{version} for {}", env::consts::ARCH)
}

#[cfg(target_os = "linux")]
mod system {
    use super::{Child, io};
    use rustix::{
        process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit},
        thread::{CpuSet, sched_getaffinity, sched_setaffinity},
    };

    pub(super) fn cores() -> io::Result<Vec<usize>> {
        let set = sched_getaffinity(None)?;
        Ok((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
    }

    pub(super) fn pin(cores: &[usize]) -> io::Result<()> {
        let mut set = CpuSet::new();
        cores.iter().for_each(|core| set.set(*core));
        Ok(sched_setaffinity(None, &set)?)
    }

    pub(super) fn raise_file_limit() -> io::Result<u64> {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
        Ok(maximum.unwrap_or(u64::MAX))
    }

    pub(super) fn terminate(process: &Child) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(process), Signal::TERM)?)
    }

    pub(super) fn ticks_per_second() -> u64 {
        rustix::param::clock_ticks_per_second()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Child, io};

    pub(super) fn cores() -> io::Result<Vec<usize>> {
        Ok(Vec::new())
    }

    pub(super) fn pin(_: &[usize]) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn raise_file_limit() -> io::Result<u64> {
        Ok(u64::MAX)
    }

    pub(super) fn terminate(_: &Child) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn ticks_per_second() -> u64 {
        100
    }
}
