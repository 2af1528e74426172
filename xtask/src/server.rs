//! Servers that a command starts, and that print their URL.

use std::{
    fs::File,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::process::{Line, Process};

/// The time limit for a server to print the line with its URL.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A running server. Dropping this kills it.
pub(crate) struct Server {
    pub(crate) url: String,
    _process: Process,
}

impl Server {
    /// Starts `command`, whose first line must be `listening on URL`. Its standard error goes to a file in
    /// `logs`.
    pub(crate) fn start(name: &str, command: &mut Command, logs: &Path) -> Result<Self, String> {
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).map_err(|e| format!("cannot write {}: {e}", log.display()))?;
        let mut process = Process::start(name, command.stderr(file))?;
        let first = match process.line(Instant::now() + START_LIMIT) {
            Line::Text(line) => line,
            Line::End => {
                return Err(format!("{name} ended before it listened; {} may say why", log.display()));
            }
            Line::Late => {
                return Err(format!("{name} printed nothing for {} s", START_LIMIT.as_secs()));
            }
        };
        let url = first.strip_prefix("listening on ").ok_or_else(|| {
            format!("the first line of {name} should be `listening on URL`, but is `{first}`")
        })?;
        Ok(Self { url: url.to_owned(), _process: process })
    }
}
