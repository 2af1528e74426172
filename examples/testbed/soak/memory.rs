//! The resident memory of a process, as Linux reports it (proc(5)).

use std::fs;
use std::io;

pub(crate) struct Memory(String);

impl Memory {
    pub(crate) fn of(pid: u32) -> Self {
        Self(format!("/proc/{pid}"))
    }

    /// The resident memory now, in KiB.
    pub(crate) fn now(&self) -> io::Result<u64> {
        self.read("VmRSS:")
    }

    /// The maximum since [`Memory::forget_peak`], in KiB.
    pub(crate) fn peak(&self) -> io::Result<u64> {
        self.read("VmHWM:")
    }

    pub(crate) fn forget_peak(&self) -> io::Result<()> {
        fs::write(format!("{}/clear_refs", self.0), "5")
    }

    fn read(&self, name: &str) -> io::Result<u64> {
        let status = fs::read_to_string(format!("{}/status", self.0))?;
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        let number =
            value.and_then(|value| value.trim().strip_suffix(" kB")).and_then(|kib| kib.parse().ok());
        number.ok_or_else(|| io::Error::other(format!("no {name} in the status of a process")))
    }
}
